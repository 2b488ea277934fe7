"""Relay connections over the services' pages.

A service names only where its next page begins. A connection needs a place after every item, so that place is the
cursor of the item's page and the number of its items up to and with this one.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from bff import PublicError
from bff.codes import Code
from upstreams.wire import Page

MAX_PAGE = 50
"""Items that the services put on one page at most."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: after the first `skip` items of the service's page that begins at `page`.

    `page` is None for the first one.
    """

    page: str | None
    skip: int

    def __str__(self) -> str:
        """Return the cursor as clients carry it, which is opaque to them."""
        return urlsafe_b64encode(f"{self.skip}.{self.page or ''}".encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the cursor that *text* is the carried form of.

        Raises:
            ValueError: *text* is nothing that this class wrote.
        """
        try:
            plain = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode()
        except (Base64Error, UnicodeError) as error:
            raise ValueError("not a cursor of this API") from error
        skip, dot, page = plain.partition(".")
        if not (dot and skip.isdecimal() and skip.isascii() and int(skip) <= MAX_PAGE):
            raise ValueError("not a cursor of this API")
        return cls(page or None, int(skip))


@dataclass(frozen=True, slots=True)
class Edge(Generic[Item]):
    """One item, and the place after it."""

    node: Item
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: Cursor | None
    end_cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class Connection(Generic[Item]):
    """One page of a longer list."""

    edges: list[Edge[Item]]
    page_info: PageInfo
    total_count: int


@dataclass(frozen=True, slots=True)
class Window:
    """The `first` items after `after`, as far as one page of the service reaches.

    Raises:
        PublicError: BAD_USER_INPUT: `first` is not 1 to 50.
    """

    first: int
    after: Cursor | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.first <= MAX_PAGE:
            raise PublicError(Code.BAD_USER_INPUT, f"`first` is {self.first}; allowed are 1 to {MAX_PAGE}.")

    @property
    def start(self) -> Cursor:
        """Return where the window begins."""
        return self.after or Cursor(None, 0)

    @property
    def limit(self) -> int:
        """Return how many items to ask the service for."""
        return min(self.start.skip + self.first, MAX_PAGE)

    def connection(self, page: Page[Item]) -> Connection[Item]:
        """Return what this window shows of *page*."""
        start, end = self.start.skip, self.start.skip + self.first
        edges = [
            Edge(item, self._after(page, count))
            for count, item in enumerate(page.items[start:end], start=start + 1)
        ]
        info = PageInfo(
            has_next_page=end < len(page.items) or page.next_cursor is not None,
            has_previous_page=self.start != Cursor(None, 0),
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        )
        return Connection(edges, info, page.total)

    def _after(self, page: Page[Item], count: int) -> Cursor:
        if count == len(page.items) and page.next_cursor is not None:
            return Cursor(page.next_cursor, 0)
        return Cursor(self.start.page, count)
