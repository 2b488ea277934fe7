"""Requests that came before, byte for byte.

Apps send the same few requests over and over. What follows from the bytes alone (where the header ends, what the
client can read, what it asks) is found out twice and remembered from then on. What depends on the moment (who may,
how much is under way, how much time there is) is judged every time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bff.execution.messages import GraphQLRequest
from bff.server.negotiation import Negotiated
from bff.server.shedding import Priority

if TYPE_CHECKING:
    from bff.server.headers import Headers

KNOWN: Final = "bff.known"
"""Names, among the `extensions` of an ASGI scope, the `Known` of a request that came before."""

LONGEST: Final = 8 * 1024
"""Bytes of a request that is remembered."""

_OF_THE_CONNECTION: Final = frozenset({"client", "server", "scheme", "state"})
_REMEMBERED: Final = 512
_ONCE: Final = 4096


@dataclass(slots=True)
class Judgement:
    """What one endpoint found out about a request from its bytes alone.

    Attributes:
        by: The endpoint's mark; the endpoint itself goes with its generation.
        headers: Its header fields.
        negotiated: What the client can read.
        request: What it asks; made anew for each execution.
        priority: How much it matters; None where that depends on who asks.
        at_hand: Whether nothing had to be waited for the last time.
    """

    by: object
    headers: "Headers"
    negotiated: Negotiated
    request: GraphQLRequest
    priority: Priority | None
    at_hand: bool = False


class Known:
    """One whole request that came before, of a client that keeps its connection.

    Attributes:
        scope: What an ASGI server says of it, without what belongs to the connection.
        body: All of it.
        judgement: What was found out about it; None until somebody has.
    """

    __slots__ = ("body", "judgement", "scope")

    def __init__(self, scope: Mapping[str, Any], body: bytes) -> None:
        self.scope = scope
        self.body = body
        self.judgement: Judgement | None = None


class Memory:
    """The requests that one server knows; those that came once only are remembered by a number."""

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self._once: dict[int, None] = {}
        self.of = self._known.get
        """Returns the request of these bytes, None where it is not known."""

    def note(self, data: bytes, scope: Mapping[str, Any], body: bytes) -> Known | None:
        """Remember that the request *scope* with *body* came as *data*; return it once it is worth knowing."""
        number = hash(data)
        if number not in self._once:
            self._once[number] = None
            if len(self._once) > _ONCE:
                del self._once[next(iter(self._once))]
            return None
        del self._once[number]
        lasting = {name: value for name, value in scope.items() if name not in _OF_THE_CONNECTION}
        known = self._known[data] = Known(lasting, body)
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return known
