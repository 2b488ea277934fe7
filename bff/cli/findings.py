"""What checks find: where, how bad, what, and the fix."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from bff.cli.output import FINE, FOUND, Format, say, say_json
from bff.policy.problem import Problem

Level = Literal["error", "warning", "note"]
_ORDER: dict[Level, int] = {"error": 0, "warning": 1, "note": 2}
_STYLES: dict[Level, str] = {"error": "bold red", "warning": "yellow", "note": "dim"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Attributes:
        level: Errors break something, warnings probably do, notes are for taste; a note does not fail a check.
        rule: Names the check, such as `non-null-upstream`.
        file: Where it is, relative to the current directory where possible.
        line: Counts from 1.
        column: Counts from 1.
        message: What is wrong.
        fix: What to write or do instead.
    """

    level: Level
    rule: str
    file: str
    line: int
    column: int
    message: str
    fix: str | None = None

    def __str__(self) -> str:
        """Return the finding as one line that editors and terminals can jump to."""
        return f"{self.place}: {self.level}: {self.text}"

    @property
    def place(self) -> str:
        """File, line and column."""
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def text(self) -> str:
        """What is wrong, and the fix, as sentences."""
        stop = "" if self.message.endswith("?") else "."
        return f"{self.message}{stop} Fix: {self.fix}" if self.fix else f"{self.message}{stop}"


def of_policies(problems: Iterable[Problem]) -> list[Finding]:
    """Return *problems* of policy files as findings."""
    return [_of_policy(problem) for problem in problems]


def _of_policy(problem: Problem) -> Finding:
    hint = f"; did you mean {problem.nearest!r}?" if problem.nearest else ""
    return Finding(
        problem.level,
        "policy",
        problem.file,
        problem.line,
        problem.column,
        f"{problem.what}{hint}",
        f"write {problem.write}" if problem.write else None,
    )


def counted(number: int, one: str, more: str | None = None) -> str:
    """Return *number* with its noun: `one` for exactly one, otherwise `more`, which by default has an s."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def report(findings: Sequence[Finding], output: Format, *, fine: str) -> int:
    """Print *findings*, the worst first, and return the exit code.

    Args:
        findings: What the checks found.
        output: For people or for programs.
        fine: What was looked at, to say so where nothing was found, such as "8 upstreams".
    """
    ordered = sorted(findings, key=lambda found: (_ORDER[found.level], found.file, found.line, found.column))
    counts = Counter(found.level for found in ordered)
    code = FOUND if counts["error"] or counts["warning"] else FINE
    summary = {f"{level}s": counts[level] for level in _ORDER}
    if output is Format.JSON:
        say_json({"findings": [asdict(found) for found in ordered], "summary": summary})
        return code
    _say_findings(ordered)
    said = ", ".join(counted(counts[level], level) for level in _ORDER if counts[level])
    say(f"{said} in {fine}" if said else f"All is well: {fine}.")
    return code


def _say_findings(findings: Sequence[Finding]) -> None:
    if not sys.stdout.isatty():
        for found in findings:
            say(str(found))
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415 - slow to import

    console = Console(soft_wrap=True, highlight=False)
    for found in findings:
        level = Text(f"{found.level}: ", style=_STYLES[found.level])
        console.print(Text(f"{found.place}: ", style="bold") + level + Text(found.text))
