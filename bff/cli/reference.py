"""The reference pages and schema files, printed from the code they describe: `python -m bff.cli.reference`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from bff.cli.app import build
from bff.cli.output import say
from bff.codes import Code
from bff.policy import reference as policy_reference
from bff.policy.schema import KINDS
from bff.policy.schema import text as schema_text
from bff.server.statuses import STATUSES, UNPROCESSABLE, Statuses
from bff.telemetry.reference import page as metrics_page

_ERRORS_INTRODUCTION = """# Error codes

Printed from `bff/codes.py` by `make reference`; do not edit.

Every error has `extensions.code`, one of these, and `extensions.retryable`: whether the same request may succeed
when sent again, after `extensions.retryAfterMs` where that is given. A code keeps its meaning once it is released.
"""
_CLI_INTRODUCTION = """# Command reference

Printed from the commands' own help by `make reference`; do not edit.

Every command answers people by default and programs with `--format json`. Exit codes: 0 all is well, 1 something
was found that needs a change, 2 wrong usage or input that cannot be read.
"""
_FIRST_OF_EXECUTION = Code.DEADLINE_EXCEEDED


def pages(root: Path) -> dict[Path, str]:
    """Return the text of every printed file by its place below *root*, the folder that holds `bff/`."""
    files = {
        root / "bff/policy/REFERENCE.md": policy_reference.page(),
        root / "bff/cli/REFERENCE.md": commands_page(),
        root / "bff/ERRORS.md": errors_page(),
        root / "bff/telemetry/METRICS.md": metrics_page(),
    }
    if (root / "policies").is_dir():
        files |= {root / f"policies/schema/{kind}.json": schema_text(kind) for kind in KINDS}
    return files


def errors_page() -> str:
    """Return the page about error codes as Markdown."""
    codes = list(Code)
    first = codes.index(_FIRST_OF_EXECUTION)
    request = [_error_row(code) for code in codes[:first]]
    execution = [_error_row(code) for code in codes[first:]]
    head = ["| code | retryable | HTTP status | meaning |", "|---|---|---|---|"]
    lines = [
        _ERRORS_INTRODUCTION,
        "## Request errors\n\nNothing was executed; the answer has no `data`.\n",
        *head,
        *request,
        "\n## Execution errors\n",
        "The field at `path` is null, everything else stands. The answer's status is 200 while there is data;",
        "that below is for a request that was refused as a whole.\n",
        *head,
        *execution,
    ]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return the page about commands as Markdown."""
    root: Any = typer.main.get_command(build())
    return "\n".join([_CLI_INTRODUCTION, *_commands(root, "bff")]).rstrip() + "\n"


def _error_row(code: Code) -> str:
    status = STATUSES.get(code)
    said = "200" if status is None else _statuses(status)
    if code is Code.BAD_REQUEST:  # the one code with a status of its own for what is JSON
        said += f"; for JSON that is no well-formed request {_statuses(UNPROCESSABLE)}"
    return f"| `{code}` | {'yes' if code.retryable else 'no'} | {said} | {code.advice} |"


def _statuses(status: Statuses) -> str:
    if status.draft == status.classic:
        return str(status.draft)
    return f"{status.draft}, or {status.classic} under `request_error_status: classic`"


def _commands(command: Any, name: str) -> Iterator[str]:
    """Describe the commands below *command*, or itself; duck-typed, for typer keeps its own copy of click."""
    below = getattr(command, "commands", None)
    if below:
        if command.invoke_without_command and name != "bff":
            yield from _command(command, name)
        for part in below.values():
            yield from _commands(part, f"{name} {part.name}")
        return
    yield from _command(command, name)


def _command(command: Any, name: str) -> Iterator[str]:
    yield f"## `{name}`\n"
    yield from (f"{_one_line(paragraph)}\n" for paragraph in (command.help or "").split("\n\n"))
    yield "| option | value | default | what it says |"
    yield "|---|---|---|---|"
    for parameter in command.params:
        yield _option_row(parameter)
    example = (command.epilog or "").removeprefix("\b\nExample:\n").strip()
    yield f"\n```sh\n{example}\n```\n" if example else ""


def _option_row(parameter: Any) -> str:
    names = parameter.name.upper()
    if parameter.param_type_name == "option":
        names = "`, `".join([*parameter.opts, *parameter.secondary_opts])
    value = parameter.metavar or ""
    default = f"`{parameter.default}`" if parameter.default not in {None, False} else ""
    cells = (
        f"`{names}`",
        f"`{value}`" if value else "",
        default,
        _one_line(getattr(parameter, "help", None) or ""),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    """Write every page and schema of this repository."""
    root = Path(__file__).parents[2]
    for path, text in pages(root).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        say(path.relative_to(root).as_posix())


if __name__ == "__main__":
    main()
