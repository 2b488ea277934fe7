"""What mutations answer when the app, not the machine, says no."""

import strawberry

from resolvers.changes import RefusalCode
from schema.describe import describe_enum

describe_enum(
    RefusalCode,
    "Why a change was refused.",
    {
        "NOT_FOUND": "What was to be changed does not exist.",
        "CONFLICT": "The state of things does not allow it, or not any more; sending it again will not help.",
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

    code: RefusalCode = strawberry.field(description="The kind of reason, for programs.")
    message: str = strawberry.field(description="The reason, for people.")
    path: list[str] | None = strawberry.field(
        description='Where in `input` the cause stands, such as `["lines", "0", "quantity"]`; null where it is '
        "not one value's fault."
    )
