"""`bff why`: what is behind an error that a client quotes."""

import json
import sys
from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from bff.cli.admin import DEFAULT, AdminOption, NotThere, ask
from bff.cli.output import Format, FormatOption, Unusable, say, say_json

LogOption = Annotated[
    str | None,
    typer.Option("--log", metavar="FILE", help="The JSON log of the process; - reads it from standard input."),
]
_BEFORE = 20_000
"""Lines before the error's that are searched for its request."""

_AFTER = 1000
_ABOUT_SERVICES = frozenset({"breaker", "gate", "host", "health"})
_MOST_NEWS = 10


def why(
    error_id: Annotated[str, typer.Argument(help="`extensions.errorId` of the error.")],
    log: LogOption = None,
    admin: AdminOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Say what is behind an error: its path, its service, each attempt, and what was decided on the way.

    Asks a running process, which remembers its last 1,000 errors, or reads a log.
    """
    if log is not None and admin is not None:
        raise Unusable("say one of --log and --admin")
    report = _from_admin(error_id, admin) if log is None else _from_log(error_id, log)
    say_json(report) if output is Format.JSON else say(text(report))


def text(report: dict[str, Any]) -> str:
    """Return *report* for people."""
    labels = {
        "time": "time",
        "operation": "operation",
        "requestId": "request",
        "traceId": "trace",
        "code": "code",
        "path": "path",
        "upstream": "upstream",
        "detail": "detail",
        "exception": "exception",
    }
    lines = [f"error {report['errorId']}", ""]
    lines += [f"  {label:10} {report[key]}" for key, label in labels.items() if report.get(key) is not None]
    others = report.get("errorsOfAnswer") or {}
    if sum(others.values()) > 1:
        told = ", ".join(f"{number} {code}" for code, number in others.items())
        lines.append(f"  {'answer':10} {sum(others.values())} errors: {told}")
    for title, key in (("what happened, since the operation began", "story"), ("what else was logged", "news")):
        if report.get(key):
            lines += ["", title, *(f"  {line}" for line in report[key])]
    if not report.get("story"):
        lines += ["", "No call to a service is known to be behind it."]
    return "\n".join(lines)


def _from_admin(error_id: str, admin: str | None) -> dict[str, Any]:
    base = admin or DEFAULT
    try:
        return ask(admin, f"/admin/api/errors/{quote(error_id, safe='')}", otherwise="read a log with --log FILE")
    except NotThere as error:
        raise Unusable(
            f"no error {error_id!r} among the last 1,000 of the process at {base}: look in its log with "
            "--log FILE, or ask the replica that answered with --admin URL"
        ) from error


def _from_log(error_id: str, log: str) -> dict[str, Any]:
    if log == "-":
        found = find(error_id, sys.stdin)
    else:
        try:
            with Path(log).open(encoding="utf-8", errors="replace") as lines:
                found = find(error_id, lines)
        except OSError as error:
            raise Unusable(f"--log {log}: {error.strerror}") from error
    if found is None:
        where = "standard input" if log == "-" else log
        raise Unusable(
            f"no line of {where} is about error {error_id!r}: is it the log of the process that answered, and of "
            "that time? A running process knows its last 1,000 errors: leave out --log"
        )
    return found


def find(error_id: str, lines: Iterable[str]) -> dict[str, Any] | None:
    """Return what *lines* of a log say about an error, None where they say nothing."""
    before: deque[str] = deque(maxlen=_BEFORE)
    rest = iter(lines)
    for line in rest:
        if error_id in line and (told := _read(line)) is not None and _is_about(told, error_id):
            around = [one for each in (*before, *islice(rest, _AFTER)) if (one := _read(each)) is not None]
            return _report(error_id, told, around)
        before.append(line)
    return None


def _is_about(told: dict[str, Any], error_id: str) -> bool:
    return told.get("error_id") == error_id or error_id in told.get("error_ids", ())


def _report(error_id: str, told: dict[str, Any], around: list[dict[str, Any]]) -> dict[str, Any]:
    request_id, upstream = told.get("request_id"), told.get("upstream")
    own = [line for line in around if line.get("request_id") == request_id]
    codes = Counter({told["code"]: told.get("count", 1)})
    for line in own:
        if line.get("event") == "error":
            codes[line["code"]] += line.get("count", 1)
    attempts = [_attempt(line) for line in own if line.get("event") == "attempt"]
    news = [
        _news(line) for line in around if line.get("event") in _ABOUT_SERVICES and line["upstream"] == upstream
    ]
    names = [line["name"] for line in own if line.get("event") == "operation"]
    return {
        "errorId": error_id,
        "requestId": request_id,
        "traceId": told.get("trace_id"),
        "time": told.get("time"),
        "operation": names[0] if names else None,
        "code": told.get("code"),
        "path": _path(error_id, told),
        "upstream": upstream,
        "detail": told.get("detail"),
        "exception": told.get("exception"),
        "story": told.get("story") or attempts,
        "news": news[-_MOST_NEWS:],
        "errorsOfAnswer": dict(codes),
    }


def _path(error_id: str, told: dict[str, Any]) -> str | None:
    """Return the path of one error of a line that may tell several; those beyond the first few have none there."""
    paths, ids = told.get("paths") or [], told.get("error_ids") or []
    if error_id not in ids:
        return told.get("path")
    place = ids.index(error_id)
    return (
        paths[place] if place < len(paths) else f"one more of {told['count']} equal errors, as {told.get('path')}"
    )


def _attempt(line: dict[str, Any]) -> str:
    status = f", status {line['status']}" if line.get("status") else ""
    where = f"{line['upstream']}.{line['endpoint']}: attempt {line['attempt']} at {line['origin']}"
    return f"{where}: {line['outcome']}{status}, after {line['ms']} ms"


def _news(line: dict[str, Any]) -> str:
    shown = {key: value for key, value in line.items() if key not in {"time", "level", "event"}}
    said = ", ".join(f"{key} {value}" for key, value in shown.items() if value is not None)
    return f"{line['time']}  {line['event']}: {said}"


def _read(line: str) -> dict[str, Any] | None:
    """Return a line of a log as data, None where it is something else, such as what a launcher wrote."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
