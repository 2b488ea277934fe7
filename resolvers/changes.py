"""Changes, and refusals that are part of using the app: data to show to a person, not failures.

A service that refuses a change says why in `application/problem+json` (RFC 9457) or in a GraphQL error.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from bff import UpstreamError

Value = TypeVar("Value")


class UserErrorCode(StrEnum):
    """Why a change was refused."""

    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    INVALID = "INVALID"
    IN_PROGRESS = "IN_PROGRESS"
    DECLINED = "DECLINED"


_CODE_OF_STATUS = {
    402: UserErrorCode.DECLINED,
    404: UserErrorCode.NOT_FOUND,
    409: UserErrorCode.CONFLICT,
    422: UserErrorCode.INVALID,
}


@dataclass(frozen=True, slots=True)
class UserError:
    """One reason why a change was refused; `path` leads to the input that caused it, where one did."""

    code: UserErrorCode
    message: str
    path: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Change(Generic[Value]):
    """What a change left behind, or why it was refused."""

    value: Value | None
    user_errors: list[UserError] = field(default_factory=list)


class _Detail(msgspec.Struct):
    detail: str
    pointer: str | None = None


class _Problem(msgspec.Struct):
    title: str
    detail: str | None = None
    errors: list[_Detail] = []


class _GraphQLError(msgspec.Struct):
    message: str
    extensions: dict[str, msgspec.Raw] = {}


class _GraphQLErrors(msgspec.Struct):
    errors: list[_GraphQLError]


async def attempt(change: Awaitable[Value]) -> Change[Value]:
    """Await *change* and return it, or the service's refusal as data.

    Raises:
        UpstreamError: The service failed, or refused without a reason that a person could act on.
    """
    try:
        return Change(await change)
    except UpstreamError as error:
        reasons = _reasons(error)
        if not reasons:
            raise
        return Change(None, reasons)


def not_found(message: str) -> Change[Any]:
    """Return the refusal of a change to something that does not exist."""
    return Change(None, [UserError(UserErrorCode.NOT_FOUND, message)])


def _reasons(error: UpstreamError) -> list[UserError]:
    try:
        if error.status in _CODE_OF_STATUS:
            return _of_problem(_code(error), msgspec.json.decode(error.body, type=_Problem))
        return _of_graphql(msgspec.json.decode(error.body, type=_GraphQLErrors))
    except msgspec.DecodeError:
        return []


def _code(error: UpstreamError) -> UserErrorCode:
    """Return the kind of a refusal; a conflict that says when to come back is one that passes."""
    code = _CODE_OF_STATUS[error.status or 0]
    passing = code is UserErrorCode.CONFLICT and error.retry_after is not None
    return UserErrorCode.IN_PROGRESS if passing else code


def _of_problem(code: UserErrorCode, problem: _Problem) -> list[UserError]:
    if not problem.errors:
        return [UserError(code, problem.detail or problem.title)]
    return [UserError(code, one.detail, _path(one.pointer)) for one in problem.errors]


def _of_graphql(answer: _GraphQLErrors) -> list[UserError]:
    told = [error for error in answer.errors if error.extensions.get("code") == msgspec.Raw(b'"BAD_USER_INPUT"')]
    return [UserError(UserErrorCode.INVALID, error.message) for error in told]


def _path(pointer: str | None) -> list[str] | None:
    """Return the steps of a JSON pointer (RFC 6901), which may stand in a URI fragment."""
    if pointer is None:
        return None
    steps = pointer.removeprefix("#").split("/")[1:]
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]
