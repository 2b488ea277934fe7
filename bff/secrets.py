"""Secrets that policies name as `env:NAME` or `file:PATH`; never shown, never logged."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

LOOK_AGAIN: Final = 1.0
"""Seconds after which a file is looked at again, for secrets that are replaced while the process runs."""
_LARGEST: Final = 64 * 1024


class SecretMissing(Exception):
    """The place that a reference names holds no secret; the message names the place only."""


class Secret:
    """One secret, read anew when its file changes.

    Args:
        reference: `env:NAME` or `file:PATH`. One line break at the end of a file is not part of the secret.
        now: Monotonic seconds.
        environ: The environment.

    Raises:
        SecretMissing: There is no such variable or file, or it is empty.
    """

    def __init__(
        self, reference: str, *, now: Callable[[], float], environ: Mapping[str, str] = os.environ
    ) -> None:
        self._reference = reference
        self._now = now
        self._environ = environ
        self._value, self._seen = self._read()
        self._look_at = now() + LOOK_AGAIN

    def __repr__(self) -> str:
        return f"Secret({self._reference!r})"

    def value(self) -> bytes:
        """Return the secret; the last one known while its file cannot be read."""
        if self._now() >= self._look_at:
            self._look_at = self._now() + LOOK_AGAIN
            try:
                if self._state() != self._seen:
                    self._value, self._seen = self._read()
            except (OSError, SecretMissing):
                return self._value
        return self._value

    def _state(self) -> tuple[int, int, int] | None:
        kind, _, place = self._reference.partition(":")
        if kind == "env":
            return None
        status = Path(place).stat()
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> tuple[bytes, tuple[int, int, int] | None]:
        kind, _, place = self._reference.partition(":")
        if kind == "env":
            value = self._environ.get(place, "").encode("utf-8", "surrogateescape")
            if not value:
                raise SecretMissing(f"environment variable {place} is not set")
            return value, None
        try:
            seen = self._state()
            with Path(place).open("rb") as file:
                value = file.read(_LARGEST).removesuffix(b"\n").removesuffix(b"\r")
        except OSError as error:
            raise SecretMissing(f"{place} cannot be read: {error.strerror}") from error
        if not value:
            raise SecretMissing(f"{place} is empty")
        return value, seen
