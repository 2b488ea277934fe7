"""`bff policies`: what is in force, whether it is right, and what may be written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bff.cli.output import Format, FormatOption, Unusable, example, say, say_json, say_table
from bff.cli.project import PoliciesOption, directory

if TYPE_CHECKING:
    from bff.policy.load import PolicySet

app = typer.Typer(help="Show, check and describe policies.", no_args_is_help=True, rich_markup_mode=None)


@app.command("check", epilog=example("bff policies check --policies policies"))
def check(policies: PoliciesOption = None, output: FormatOption = Format.HUMAN) -> None:
    """Check the policy files alone; `bff check` also looks at the schema and operations."""
    from bff.cli import findings  # noqa: PLC0415 - slow to import
    from bff.policy.load import read  # noqa: PLC0415 - slow to import

    folder = directory("policies", policies)
    reading = read(folder)
    found = findings.of_policies(reading.problems)
    looked_at = f"{folder.as_posix()} with {findings.counted(len(reading.upstreams), 'upstream')}"
    raise typer.Exit(findings.report(found, output, fine=looked_at))


@app.command("show", epilog=example("bff policies show catalog --endpoint dishes"))
def show(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="An upstream, `clients/NAME`, `auth`, `network`, `operations`, ..."),
    ],
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint", metavar="NAME", help="Show the stages of this endpoint's calls, in their order."
        ),
    ] = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Show each value that is in force and where it comes from: a file and line, or the default."""
    from bff.policy.resolve import effective  # noqa: PLC0415 - slow to import

    found = load_policies(directory("policies", policies))
    if endpoint is not None:
        _show_chain(found, name.removeprefix("upstreams/"), endpoint, output)
        return
    try:
        values = effective(found, name)
    except KeyError:
        raise Unusable(_no_such_policy(name, found)) from None
    if output is Format.JSON:
        rows = [{"key": one.key, "value": one.value, "origin": one.origin} for one in values]
        say_json({"policy": name, "values": rows})
        return
    say_table(("key", "value", "origin"), [(one.key, one.text, one.origin) for one in values], title=name)


def _show_chain(policies: "PolicySet", upstream: str, endpoint: str, output: Format) -> None:
    from bff.policy.resolve import effective_for  # noqa: PLC0415 - slow to import
    from bff.upstream.pipeline import STAGES, stage_of  # noqa: PLC0415 - slow to import

    if upstream not in policies.upstreams:
        raise Unusable(_no_such_policy(upstream, policies))
    found = [(stage_of(one.key), one) for one in effective_for(policies, upstream, endpoint)]
    ordered = [(stage, one) for wanted in STAGES for stage, one in found if stage == wanted]
    group = policies.upstreams[upstream].chain(endpoint).group
    if output is Format.JSON:
        rows = [
            {"stage": stage, "key": one.key, "value": one.value, "origin": one.origin} for stage, one in ordered
        ]
        say_json({"policy": upstream, "endpoint": endpoint, "group": group, "values": rows})
        return
    title = f"{upstream}.{endpoint} (group {group}), outermost stage first"
    table = [(stage, one.key, one.text, one.origin) for stage, one in ordered]
    say_table(("stage", "key", "value", "origin"), table, title=title)


@app.command("schema", epilog=example("bff policies schema upstream > policies/schema/upstream.json"))
def schema(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", help="operations, defaults, upstream, client, ...; all when left out."),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="DIR", help="Write KIND.json files there instead of printing."),
    ] = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Print the JSON Schema of policy files, for editors; every file's first line points to its own."""
    from bff.policy.schema import KINDS  # noqa: PLC0415 - slow to import
    from bff.policy.schema import schema as schema_of  # noqa: PLC0415 - slow to import
    from bff.policy.schema import text as text_of  # noqa: PLC0415 - slow to import

    if kind is not None and kind not in KINDS:
        raise Unusable(f"there is no kind of policy file {kind!r}; the kinds are {', '.join(KINDS)}")
    kinds = [kind] if kind else list(KINDS)
    if write is not None:
        written = _write(write, {f"{one}.json": text_of(one) for one in kinds})
        say_json({"written": written}) if output is Format.JSON else say("\n".join(written))
    elif kind:
        say(text_of(kind))
    else:
        say_json({one: schema_of(one) for one in kinds})


@app.command("diff", epilog=example("bff policies diff policies ../staging/policies"))
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="A folder of policies, or one policy file.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The same to compare it with.")],
    output: FormatOption = Format.HUMAN,
) -> None:
    """Tell what would be in force differently with B instead of A, for each upstream and endpoint.

    Values count, not lines: one that only moves to another file is no change. Exits with 1 where anything changes.
    """
    from bff.cli.policies_diff import compared, say_differences  # noqa: PLC0415 - slow to import

    raise typer.Exit(say_differences(compared(before, after), output))


def _write(folder: Path, files: dict[str, str]) -> list[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise Unusable(f"{folder} cannot be written: {error.strerror}") from error
    return [(folder / name).as_posix() for name in files]


def load_policies(folder: Path) -> "PolicySet":
    """Return the policies in *folder*.

    Raises:
        Unusable: They are not valid; the message says everything that is wrong.
    """
    from bff.policy.load import load  # noqa: PLC0415 - slow to import
    from bff.policy.problem import PolicyError  # noqa: PLC0415 - slow to import

    try:
        return load(folder)
    except PolicyError as error:
        raise Unusable(f"the policies cannot be used:\n{error}") from error


def _no_such_policy(name: str, policies: "PolicySet") -> str:
    from bff.policy.resolve import names_of  # noqa: PLC0415 - slow to import

    return f"there is no policy {name!r}; there are {', '.join(names_of(policies))}"
