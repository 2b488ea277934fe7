"""The lines of `JsonLogs` for people who watch a terminal: short, with what is theirs of a traceback."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO

from rich.console import Console
from rich.text import Text
from rich.traceback import Traceback

import bff
from bff.events import ErrorsTold, ErrorTold
from bff.telemetry.logs import JsonLogs
from bff.telemetry.redaction import redact
from bff.telemetry.wording import errors_of

_STYLES: Final = {logging.ERROR: "bold red", logging.WARNING: "yellow", logging.INFO: "cyan"}
_APART: Final = frozenset({"event", "detail", "story", "stack", "exception"})
"""Fields that stand in a place of their own, or are told better by a traceback."""

_ENGINE: Final = Path(bff.__file__).parent
_LIBRARIES: Final = frozenset({"site-packages", "dist-packages", ".venv"})
_WIDTH: Final = 110
"""Columns of a traceback where nobody says how wide the terminal is."""


class TerminalLogs(JsonLogs):
    """Writes the same events as its base, one short line each; faults of the application with their traceback.

    Args:
        stream: Where lines go; coloured where it is a terminal.
        wall: Seconds since the Unix epoch.
        level: Lowest level that is written, of the `logging` module.
        story: Says what happened at a service on behalf of a request, for the lines below an error.
        operation: Names the operation of a request under way, None where it has no name.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        wall: Callable[[], float],
        level: int = logging.INFO,
        story: Callable[[ErrorTold], list[str]] = lambda _: [],
        operation: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        super().__init__(stream, wall=wall, level=level, story=story)
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._operation = operation

    def write(self, level: int, fields: dict[str, Any]) -> None:
        """Write one line with *fields*, redacted; a story or a stack goes below it."""
        said = [f"{name}={value}" for name, value in fields.items() if value is not None and name not in _APART]
        detail = fields.get("detail") or fields.get("exception")
        self._line(level, str(fields.get("event", "log")), [*said, *([str(detail)] if detail else [])])
        for line in [*(fields.get("story") or ()), *str(fields.get("stack") or "").splitlines()]:
            self._below(line)

    def _write_errors(self, event: ErrorsTold) -> None:
        first = {error.error_id: error for error in event.errors}
        for level, fields in errors_of(event.errors):
            error = first[fields["error_id"]]
            where = self._where(error, fields)
            self._line(level, error.code.value, [f"{where}: {error.detail}" if where else error.detail])
            for line in self._story(error):
                self._below(line)
            if fields["stack"] and error.exception:
                self._console.print(readable(error.exception), width=self._width)
            if error.upstream:
                self._below(f"bff why {error.error_id}")

    @property
    def _width(self) -> int:
        return self._console.width if self._console.is_terminal else _WIDTH

    def _where(self, error: ErrorTold, fields: dict[str, Any]) -> str:
        name = self._operation(error.request_id)
        path = fields["path"] and f"at {fields['path']}"
        more = f"and {fields['count'] - 1} more" if "count" in fields else None
        return " ".join(filter(None, [path, more, f"in {name}" if name else None]))

    def _line(self, level: int, event: str, said: list[str]) -> None:
        time = datetime.fromtimestamp(self._wall()).astimezone().strftime("%H:%M:%S")
        style = _STYLES.get(level, "dim")
        text = Text.assemble((time, "dim"), " ", (f"{logging.getLevelName(level).lower():7}", style), " ")
        text.append(event, "bold").append(" " + redact(" ".join(said)))
        self._console.print(text)

    def _below(self, line: str) -> None:
        self._console.print(Text(f"         {redact(line)}", "dim"))


def readable(error: BaseException) -> Traceback:
    """Return the traceback of *error* with the code around each line of the application in the current folder.

    Frames of libraries and of the engine are left out, unless there are no others.
    """
    directory = Path.cwd()
    trace = Traceback.extract(type(error), error, error.__traceback__)
    for stack in trace.stacks:
        stack.exc_value = redact(stack.exc_value)
        own = [frame for frame in stack.frames if _is_own(Path(frame.filename), directory)]
        for frame in own:
            frame.filename = str(Path(frame.filename).relative_to(directory))
        stack.frames = own or stack.frames[-3:]
    return Traceback(trace, width=None)


def _is_own(file: Path, directory: Path) -> bool:
    return (
        file.is_relative_to(directory)
        and not file.is_relative_to(_ENGINE)
        and not _LIBRARIES & set(file.relative_to(directory).parts)
    )
