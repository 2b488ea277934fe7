"""What is wrong with a policy file: where, what, what was probably meant, and what to write instead."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong at one place.

    Attributes:
        file: Path of the file as the caller named it.
        line: Counts from 1.
        column: Counts from 1, in characters.
        key: Path of the key, such as `timeouts.attempt`; empty for the file as a whole.
        what: What is wrong, as the beginning of a sentence.
        nearest: The key or value that was probably meant.
        write: YAML that would be right here; the lines of it that stand for themselves.
        level: Whether the file is refused for it.
    """

    file: str
    line: int
    column: int
    key: str
    what: str
    nearest: str | None = None
    write: str | None = None
    level: Level = "error"

    def __str__(self) -> str:
        """Return the problem as one line that editors and terminals can jump to."""
        text = f"{self.file}:{self.line}:{self.column}: "
        text += "warning: " if self.level == "warning" else ""
        text += self.what
        if self.nearest is not None:
            text += f"; did you mean {self.nearest!r}?"
        if self.write is not None:
            text += ("" if text.endswith("?") else ".") + f" Write: {self.write}"
        return text


class PolicyError(Exception):
    """The policies cannot be used; *problems* says every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class Refused(ValueError):
    """A value that a model does not take.

    Attributes:
        write: The value that was probably meant, as YAML.
    """

    def __init__(self, what: str, write: str | None = None) -> None:
        super().__init__(what)
        self.write = write


class Clash(NamedTuple):
    """Values that do not go together.

    Attributes:
        keys: Their paths below the model that refuses them, the one to change first.
        what: What is wrong, naming both values.
        write: The value to write for the first of *keys*, as YAML.
    """

    keys: tuple[tuple[str | int, ...], ...]
    what: str
    write: str | None = None


class Clashes(ValueError):
    """All values of one model that do not go together."""

    def __init__(self, clashes: Iterable[Clash]) -> None:
        self.clashes = tuple(clashes)
        super().__init__("; ".join(clash.what for clash in self.clashes))
