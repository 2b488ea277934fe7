"""What happened to operations, their errors, their documents and what they cost."""

from typing import Literal

from bff.codes import Code
from bff.events.base import Event


class ErrorTold(Event, frozen=True):
    """A client was told of an error; `detail` is what the client was not told."""

    error_id: str
    request_id: str
    code: Code
    path: tuple[str | int, ...] | None
    upstream: str | None
    detail: str
    exception: BaseException | None


class ErrorsTold(Event, frozen=True):
    """All errors of one answer were told; each of them was an `ErrorTold` before."""

    request_id: str
    errors: tuple[ErrorTold, ...]


class OperationStarted(Event, frozen=True):
    """An operation begins to run, at `began` on the monotonic clock."""

    request_id: str
    name: str | None
    kind: str
    began: float


class OperationAbandoned(Event, frozen=True):
    """An operation that had begun brought no answer: nobody waited any more, or it was refused after all."""

    request_id: str
    name: str | None
    kind: str
    seconds: float
    reason: Literal["cancelled", "refused"]


class OperationFinished(Event, frozen=True):
    """One operation was answered; `seconds` from the arrival of its request.

    `injected` where a fault was done to it alone, on purpose.
    """

    request_id: str
    name: str | None
    kind: str
    seconds: float
    errors: int
    degraded: int
    injected: bool = False


class OperationShared(Event, frozen=True):
    """A query got the answer of an equal one, which *executed* names by its request id.

    That one was under way, or began *age* seconds ago and all its parts are fresh still.
    """

    request_id: str
    name: str | None
    executed: str
    age: float | None = None


class Shed(Event, frozen=True):
    """A request was refused before it cost anything, because this process has too much to do (LS-3)."""

    request_id: str
    priority: str
    reason: Literal["in flight", "loop lag"]


class DeprecatedFieldsUsed(Event, frozen=True):
    """An operation asked for what the schema calls deprecated; coordinates such as `Dish.price`."""

    request_id: str
    client: str
    version: str
    fields: tuple[str, ...]


class CostExceeded(Event, frozen=True):
    """An operation costs more than any one may, by estimate; `requested` is None for a list that is too long.

    `enforced` tells whether it was refused (RL-11).
    """

    request_id: str
    name: str | None
    requested: float | None
    allowed: float
    enforced: bool


class CostSettled(Event, frozen=True):
    """What an operation was charged is settled: it was estimated to cost *requested* and did cost *actual*."""

    request_id: str
    name: str | None
    requested: float
    actual: float


class UntrustedDocument(Event, frozen=True):
    """A text was sent that nobody has registered; `allowed` tells whether it ran."""

    request_id: str
    hash: str
    allowed: bool


class DocumentsPrepared(Event, frozen=True):
    """So many of the registered documents are parsed, validated and compiled; `failed` of them cannot be."""

    done: int
    total: int
    failed: int
    seconds: float


class DocumentUnusable(Event, frozen=True):
    """A registered document does not fit the schema (any more), or is over a limit."""

    id: str
    name: str
    detail: str
