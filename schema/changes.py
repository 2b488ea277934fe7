"""What mutations answer when the app, not the machine, says no."""

from typing import Annotated
from uuid import UUID

import strawberry

from resolvers.changes import UserErrorCode
from schema.describe import describe_enum

IdempotencyKey = Annotated[
    UUID,
    strawberry.argument(
        description="Made anew for each change and sent again with each repetition of it, so that it is made once."
    ),
]
"""The argument of mutations that must not be made twice."""

describe_enum(
    UserErrorCode,
    "Why a change was refused.",
    {
        "NOT_FOUND": "What was to be changed does not exist.",
        "CONFLICT": "The state of things does not allow it, or not any more; sending it again will not help.",
        "IN_PROGRESS": "The same change is still being made; send it again, with the same key, in a moment.",
        "INVALID": "A value is not acceptable; `path` says which.",
        "DECLINED": "The payment was declined.",
    },
)


@strawberry.type(
    description="A reason why a change was refused that a person can act on. Failures of the machine are errors "
    "beside the data instead."
)
class UserError:
    """A reason why a change was refused."""

    code: UserErrorCode = strawberry.field(description="The kind of reason, for programs.")
    message: str = strawberry.field(description="The reason, for people.")
    path: list[str] | None = strawberry.field(
        description='Where in `input` the cause stands, such as `["lines", "0", "quantity"]`; null where it is '
        "not one value's fault."
    )
