"""What a generation is made of, and what it takes over from the one before instead of making it anew."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_T = TypeVar("_T")

Close = Callable[[Any], Awaitable[None]]
"""Gives a part's resources back."""


class _Part(Generic[_T]):
    __slots__ = ("close", "holders", "inputs", "value")

    def __init__(self, value: _T, inputs: object, close: Close | None) -> None:
        self.value = value
        self.inputs = inputs
        self.close = close
        self.holders = 0


class Parts:
    """The parts of one generation; one that the generation before has, made of equal inputs, is shared with it.

    A part is closed when the last generation that holds it lets go. `get` may be called in a thread, `hold` and
    `release` belong to the event loop.

    Args:
        before: The parts of the generation in force; None for the first.
    """

    def __init__(self, before: "Parts | None" = None) -> None:
        self._before = before.all() if before is not None else {}
        self._parts: dict[str, _Part[Any]] = {}
        self._held = False
        self.taken_over: set[str] = set()
        """Names of the parts that come from the generation before."""

    def get(self, name: str, inputs: object, make: Callable[[], T], close: Close | None = None) -> T:
        """Return the part *name*, made by *make* unless there is one made of equal *inputs*.

        Args:
            name: What it is, once in a generation.
            inputs: All that *make* goes by, as far as that may differ between generations.
            make: Makes it; may raise.
            close: Gives back its resources.
        """
        part: _Part[T] | None = self._before.get(name)
        if part is None or part.inputs != inputs:
            part = _Part(make(), inputs, close)
        else:
            self.taken_over.add(name)
        self._parts[name] = part
        return part.value

    def all(self) -> dict[str, _Part[Any]]:
        """Return all parts by name."""
        return dict(self._parts)

    def before(self, name: str) -> Any:
        """Return what the generation before has as *name*, None where it has nothing; while this one is made."""
        part = self._before.get(name)
        return part.value if part is not None else None

    def hold(self) -> None:
        """Keep all parts until `release`."""
        self._before = {}
        self._held = True
        for part in self._parts.values():
            part.holders += 1

    async def release(self) -> None:
        """Let go of all parts, the last one first, and close those that nobody else has.

        Raises:
            ExceptionGroup: Some could not be closed; the others are.
        """
        parts, self._parts, self._before = list(self._parts.values()), {}, {}
        failures = []
        for part in reversed(parts):
            part.holders -= self._held
            if part.holders == 0 and part.close is not None:
                try:
                    await part.close(part.value)
                except Exception as error:  # noqa: BLE001 - the others have to be closed too
                    failures.append(error)
        if failures:
            raise ExceptionGroup("parts of a generation could not be closed", failures)
