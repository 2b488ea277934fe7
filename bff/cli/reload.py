"""`bff reload`: a running process reads its policies anew, or says which are in force."""

from typing import Annotated, Any

import typer

from bff.cli.admin import AdminOption, ask
from bff.cli.output import FINE, FOUND, Format, FormatOption, say, say_json

_PATH = "/admin/api/reload"
_NOT_USABLE = 422


def reload(
    status: Annotated[bool | None, typer.Option("--status", help="Read nothing, say what is in force.")] = None,
    admin: AdminOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Let a running process read its policies and registered documents anew, in all its workers.

    Requests under way end as they began. When anything is wrong with the files, everything stays as it was, and
    this says what is wrong, with file and line.
    """
    report = ask(admin, _PATH, None if status else {}, answers=(_NOT_USABLE,))
    say_json(report) if output is Format.JSON else say(text(report))
    raise typer.Exit(FOUND if report["error"] else FINE)


def text(report: dict[str, Any]) -> str:
    """Return *report* for people."""
    lines = [_line(worker) for worker in report["workers"]]
    restart = sorted({key for worker in report["workers"] for key in worker.get("restartNeeded", ())})
    if restart:
        lines.append(f"different in the files, and waiting for a restart: {', '.join(restart)}")
    if not report["agree"]:
        lines.append("the workers have different policies in force: read them again, or look into the log")
    if report["error"]:
        lines += ["the files cannot be used, and everything is as it was:", report["error"]]
    return "\n".join(lines)


def _line(worker: dict[str, Any]) -> str:
    name = f"worker {worker['worker']}"
    if worker.get("answered") is False:
        return f"{name} did not answer"
    return f"{name}: generation {worker['generation']}, policies {worker['digest']}, since {worker['since']}"
