"""How much a request may bring as variables: looked at only where its bytes could hold too much (PY-16)."""

from typing import Any, TypeVar

from bff.codes import Code
from bff.execution.messages import GraphQLRequest
from bff.server.refusal import Refusal
from bff.server.statuses import UNPROCESSABLE

Request = TypeVar("Request", bound=GraphQLRequest | list[GraphQLRequest])


class Inputs:
    """Bounds the variables of requests.

    Args:
        depth: Lists and objects within one another.
        values: Values, those in lists and objects counted one by one.
    """

    def __init__(self, depth: int, values: int) -> None:
        self._depth = depth
        self._values = values

    def check(self, raw: bytes, request: Request) -> Request:
        """Return *request*, which was decoded from *raw*.

        Raises:
            Refusal: Its variables are over a limit.
        """
        opened = _count(raw, b"{", b"%7B", b"%7b") + _count(raw, b"[", b"%5B", b"%5b")
        if opened > self._depth or opened + _count(raw, b",", b"%2C", b"%2c") > self._values:
            for one in request if isinstance(request, list) else (request,):
                if one.variables:
                    self._walk(one.variables)
        return request

    def _walk(self, variables: dict[str, Any]) -> None:
        level: list[Any] = [variables]
        values = 0
        for _ in range(self._depth + 1):
            values += sum(map(len, level))
            if values > self._values:
                raise _exceeded("input_values", self._values)
            level = [
                inner
                for one in level
                for inner in (one.values() if type(one) is dict else one)
                if type(inner) is dict or type(inner) is list
            ]
            if not level:
                return
        raise _exceeded("input_depth", self._depth)


def _count(raw: bytes, *marks: bytes) -> int:
    return sum(map(raw.count, marks))


def _exceeded(limit: str, allowed: int) -> Refusal:
    message = f"The variables exceed the limit {limit} of {allowed}."
    return Refusal(Code.OPERATION_TOO_LARGE, message, statuses=UNPROCESSABLE)
