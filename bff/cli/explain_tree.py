"""A plan as text: a tree of waves, and what follows from it."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from bff.explain.plan import Keeping, Latency, Link, Loss, Outage, Plan, Step

_KEPT = {"never": "may not be kept", "private": "may be kept by one user", "public": "may be kept by everybody"}
_WIDE = 1000


def print_plan(plan: Plan) -> str:
    """Return *plan* as text, as wide as the terminal; as wide as it needs in a pipe."""
    on_terminal = sys.stdout.isatty()
    console = Console(highlight=False) if on_terminal else Console(width=_WIDE, highlight=False)
    with console.capture() as captured:
        console.print(tree(plan))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def tree(plan: Plan) -> Tree:
    """Return *plan* as a tree."""
    root = Tree(Text(" ".join([plan.kind, plan.operation or "(without a name)"]), style="bold"))
    for wave in plan.waves:
        branch = root.add(Text(f"wave {wave.number}", style="bold"))
        for step in wave.steps:
            _step(branch, step)
    if not plan.waves:
        root.add(Text("asks no service"))
    root.add(_line("calls", str(plan.calls)))
    if plan.cost is not None:
        root.add(_line("cost", f"{plan.cost:g} by estimate"))
    _latency(root, plan.latency)
    _keeping(root, plan.keeping)
    root.add(_line("sharing", plan.sharing.why))
    if plan.outage is not None:
        _outage(root, plan.outage)
    _list(root, "assumed", plan.assumed)
    _list(root, "warnings", plan.warnings, style="bold yellow")
    return root


def duration(ms: int) -> str:
    """Return *ms* milliseconds as people read them."""
    return f"{ms}ms" if ms < 1000 else f"{ms / 1000:g}s"  # noqa: PLR2004 - a second


def _step(branch: Tree, step: Step) -> None:
    head = Text(step.endpoint, style="cyan")
    head.append(f"  {step.calls}", style="bold")
    node = branch.add(head)
    node.add(Text(f"{step.method} {step.target}", style="dim"))
    node.add(_line("feeds", ", ".join(step.fields)))
    if step.why:
        node.add(_line("number", step.why))
    node.add(_line("time", f"at worst {duration(step.worst_ms)}: {step.timing}"))
    node.add(_line("cache", step.cache))


def _latency(root: Tree, latency: Latency) -> None:
    worst, deadline = duration(latency.worst_ms), duration(latency.deadline_ms)
    if latency.calls_ms > latency.deadline_ms:
        said = f"{worst}, the deadline; timeouts alone would allow {duration(latency.calls_ms)}"
    else:
        said = f"{worst} of a deadline of {deadline}"
    node = root.add(_line("worst case", said))
    node.add(_line("longest chain", _links(latency.chain)))
    if latency.single_ms != latency.calls_ms:
        node.add(_line("one attempt each", duration(latency.single_ms)))


def _links(links: Iterable[Link]) -> str:
    return " → ".join(f"{one.endpoint} {duration(one.worst_ms)}" for one in links) or "none"


def _keeping(root: Tree, keeping: Keeping) -> None:
    node = root.add(_line("answer", _KEPT[keeping.verdict]))
    for limit in keeping.limits:
        node.add(Text(f"{limit.endpoint}: {limit.why}" if limit.endpoint else limit.why))


def _outage(root: Tree, outage: Outage) -> None:
    node = root.add(Text(f"without {' and '.join(outage.upstreams)}", style="bold"))
    if not outage.lost:
        node.add(Text("nothing is missing"))
    if outage.nothing_left:
        node.add(Text("there is no data at all", style="bold red"))
    for loss in outage.lost:
        _loss(node, loss)
    _list(node, "gone with it", outage.gone)


def _loss(node: Tree, loss: Loss) -> None:
    line = Text(loss.path, style="cyan")
    line.append(f"  {loss.instead if loss.certain else f'perhaps {loss.instead}'}", style="bold")
    if loss.nulls is not None and loss.nulls != loss.path:
        line.append(f"; null is {loss.nulls or 'the whole answer'}", style="bold red")
    node.add(line).add(Text(loss.why, style="dim"))


def _list(root: Tree, title: str, lines: Iterable[str], style: str = "") -> None:
    found = list(lines)
    if found:
        node = root.add(Text(title, style=style))
        for line in found:
            node.add(Text(line))


def _line(title: str, text: str) -> Text:
    line = Text(f"{title}: ", style="dim")
    line.append(text, style="default")
    return line
