"""Lists by pages, after the Relay cursor connections specification."""

from typing import Annotated, Generic, TypeVar

import strawberry

from bff import Cost
from resolvers.paging import MAX_PAGE, Cursor

Item = TypeVar("Item")

First = Annotated[
    int, strawberry.argument(description=f"How many items to return at most: 1 to {MAX_PAGE}. May return fewer.")
]
After = Annotated[
    Cursor | None,
    strawberry.argument(description="Where to go on: the `endCursor` of the page before. Absent: at the start."),
]

PAGE = {"first": First, "after": After}
"""The arguments of every connection."""


@strawberry.type(description="Where a page lies in its list.", directives=[Cost(weight=0)])
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool = strawberry.field(description="Whether there are items after this page.")
    has_previous_page: bool = strawberry.field(description="Whether this page begins after the list's start.")
    start_cursor: Cursor | None = strawberry.field(description="Cursor of the first edge, null without edges.")
    end_cursor: Cursor | None = strawberry.field(
        description="Cursor of the last edge, null without edges; as `after` it gives the next page."
    )


@strawberry.type(description="One item of a connection.", directives=[Cost(weight=0)])
class Edge(Generic[Item]):
    """One item of a connection."""

    node: Item | None = strawberry.field(description="The item.")
    cursor: Cursor = strawberry.field(description="The place after the item.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[Item]):
    """One page of a list."""

    edges: list[Edge[Item] | None] = strawberry.field(description="The items of this page, in the list's order.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    total_count: int = strawberry.field(description="How many items the whole list has.")
