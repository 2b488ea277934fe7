"""Objects that can be fetched again by their id."""

from typing import Annotated

import strawberry

import resolvers.node
from schema.describe import ID, fed


@strawberry.interface(description="An object that can be fetched again by its id.")
class Node:
    """An object that can be fetched again by its id."""

    id: strawberry.ID = strawberry.field(description="Unique among all objects of all types.")


@strawberry.type(description="Objects by their ids.")
class Query:
    """Root fields."""

    node: Node | None = fed(
        resolvers.node.node, "The object with this id, null where there is none.", arguments={"id": ID}
    )
    nodes: list[Node | None] | None = fed(
        resolvers.node.nodes,
        "The object with each of these ids, in their order, null where there is none.",
        arguments={
            "ids": Annotated[list[strawberry.ID], strawberry.argument(description="Ids of objects, of any types.")]
        },
    )
