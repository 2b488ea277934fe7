"""How commands answer: for people or as JSON, always with the same exit codes."""

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

FINE = 0
"""All is well."""

FOUND = 1
"""Something was found that needs a change."""

UNUSABLE = 2
"""Wrong usage, or input that cannot be read."""


_WIDE = 80
"""Columns from which on a table's places fit beside its values."""


class Unusable(Exception):
    """A command cannot do its work with what it was given; the message says why and what to do."""


class Format(StrEnum):
    """How to answer."""

    HUMAN = "human"
    JSON = "json"


FormatOption = Annotated[
    Format,
    typer.Option("--format", metavar="human|json", help="Text for people, or one JSON document for programs."),
]
"""The option that every command has."""


def example(command: str) -> str:
    """Return the end of a command's help: *command* on a line of its own, to be copied."""
    return f"\b\nExample:\n  {command}"


def say(text: str) -> None:
    """Print *text* as it is, on standard output."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def say_json(value: Any) -> None:
    """Print *value* as one JSON document."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table whose first and last columns stay whole, where there is room; in a pipe there always is."""
    from rich import box  # noqa: PLC0415 - slow to import
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415 - slow to import

    wide = not sys.stdout.isatty() or Console().width >= _WIDE
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        whole = column in {columns[0], columns[-1]} and wide
        table.add_column(column, overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=1000)
    if sys.stdout.isatty():
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    say("\n".join(line.rstrip() for line in captured.get().splitlines()))
