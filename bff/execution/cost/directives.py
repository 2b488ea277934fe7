"""What a schema says about cost, as Strawberry schema directives; both appear in the SDL.

Names and meaning are those of IBM's GraphQL Cost Directives specification, with a number for the weight.
"""

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    name="cost",
    locations=[
        Location.FIELD_DEFINITION,
        Location.OBJECT,
        Location.SCALAR,
        Location.ENUM,
    ],
    description="What one of these costs, instead of what it costs by itself.",
)
class Cost:
    """`@cost`: on a field, instead of its calls; on a type, instead of 1 for each object or 0 for each leaf."""

    weight: float


@strawberry.schema_directive(
    name="listSize",
    locations=[Location.FIELD_DEFINITION],
    description="How many items a list has, or the lists in the object that a field returns.",
)
class ListSize:
    """`@listSize`: how many items a list is expected to have.

    `assumed_size` stands where no argument says it; `slicing_arguments` are the arguments that do, instead of
    `first`, `last` and `limit`; `sized_fields` are the lists of the returned object that they are about, instead
    of all that say nothing themselves.
    """

    assumed_size: int | None = None
    slicing_arguments: list[str] | None = None
    sized_fields: list[str] | None = None
