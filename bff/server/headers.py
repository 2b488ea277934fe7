"""A request's header fields, decoded only where somebody looks."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bff.codes import Code
from bff.server.refusal import Refusal
from bff.server.statuses import HEADERS_TOO_LARGE

MAX_FIELDS = 100
MAX_BYTES = 64 * 1024


class Headers(Mapping[str, str]):
    """Header fields by lower-case name; repeated ones are joined as RFC 9110, 5.3 says."""

    __slots__ = ("raw",)

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        fields = list(fields)
        self.raw = dict(fields)
        """Names and values as they came."""
        if len(self.raw) != len(fields):
            self.raw = _joined(fields)

    def __getitem__(self, name: str) -> str:
        return self.raw[name.encode("latin-1")].decode("latin-1")

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of *name*, *default* when it was not sent."""
        value = self.raw.get(name.encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.encode("latin-1") in self.raw

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def text(self, name: bytes) -> str | None:
        """Return the value of *name*, None when it was not sent."""
        value = self.raw.get(name)
        return None if value is None else value.decode("latin-1")


def check_size(fields: list[tuple[bytes, bytes]]) -> None:
    """Refuse header fields that nobody sends in earnest.

    Raises:
        Refusal: More than `MAX_FIELDS` fields, or more than `MAX_BYTES` bytes.
    """
    if len(fields) > MAX_FIELDS or sum([len(name) + len(value) for name, value in fields]) > MAX_BYTES:
        message = f"The header exceeds {MAX_FIELDS} fields or {MAX_BYTES} bytes."
        raise Refusal(Code.PAYLOAD_TOO_LARGE, message, statuses=HEADERS_TOO_LARGE, unread=True)


def _joined(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    joined: dict[bytes, bytes] = {}
    for name, value in fields:
        separator = b"; " if name == b"cookie" else b", "
        joined[name] = joined[name] + separator + value if name in joined else value
    return joined
