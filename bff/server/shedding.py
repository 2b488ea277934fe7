"""Who is let in when this process has too much to do (LS-1 to LS-5), decided before GraphQL is parsed."""

from collections import deque
from collections.abc import Callable, Iterable
from enum import IntEnum
from random import Random
from statistics import median
from typing import Final, Literal

from bff.codes import Code
from bff.context import ANONYMOUS, Principal
from bff.events import Notify, Shed
from bff.execution.messages import GraphQLRequest
from bff.policy.model import OperationsPolicy
from bff.policy.shedding import PriorityName
from bff.server.headers import Headers
from bff.server.refusal import Refusal

Reason = Literal["in flight", "loop lag"]
"""What there is too much of."""

ClientClass = Callable[[Principal, Headers], PriorityName | None]
"""How much the operations of a client matter."""

TICK: Final = 0.1
"""Seconds between two looks at the event loop (PY-18)."""

_REMEMBERED: Final = 1.0


class Priority(IntEnum):
    """How much a request matters; refused from the highest number down (LS-1)."""

    CRITICAL = 0
    DEFAULT = 1
    DEGRADED = 2
    BULK = 3


class LoopLag:
    """How late the event loop is: the median over the last second of what it needed too long between two ticks."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()
        self._last: float | None = None
        self.seconds = 0.0
        """The median, in seconds."""

    def tick(self, now: float) -> None:
        """Note that the loop turned at *now*, which it is asked to do every `TICK` seconds."""
        last, self._last = self._last, now
        if last is None:
            return
        self._late.append((now, max(0.0, now - last - TICK)))
        while self._late[0][0] < now - _REMEMBERED:
            self._late.popleft()
        self.seconds = median(late for _, late in self._late)


class Shedding:
    """Decides who is let in.

    Args:
        policy: `shedding` and `priorities` of it.
        rng: For the jitter of `Retry-After`.
    """

    def __init__(self, policy: OperationsPolicy, rng: Random) -> None:
        rules = policy.shedding
        self._names = {name: Priority[word.upper()] for name, word in policy.priorities.items()}
        self._header = rules.header.encode("latin-1") if rules.header else None
        most = rules.max_inflight
        shares = {"DEFAULT": rules.shares.default, "DEGRADED": rules.shares.degraded, "BULK": rules.shares.bulk}
        self._room = [max(1, int(most * shares.get(priority.name, 1.0))) for priority in Priority]
        self._lag = [getattr(rules.lag, priority.name.lower()).total_seconds() for priority in Priority]
        self._rng = rng

    def from_headers(self, headers: Headers) -> Priority | None:
        """Return the class that a trusted proxy has given, None where there is none."""
        if self._header is None:
            return None
        word = (headers.text(self._header) or "").strip().upper()
        return Priority.__members__.get(word)

    def of(self, names: Iterable[str | None], client: Priority | None = None) -> Priority:
        """Return the class of a request for the operations *names*: that of the most important.

        An operation whose name says nothing has the class of its *client*.
        """
        known, other = self._names, Priority.DEFAULT if client is None else client
        if not known:
            return other
        return min([known.get(name or "", other) for name in names], default=other)

    def judge(self, priority: Priority, in_flight: int, lag: float) -> Reason | None:
        """Return why a request of *priority* is refused, None when it is let in.

        Args:
            priority: Its class.
            in_flight: Requests in flight, this one included.
            lag: How late the event loop is, in seconds.
        """
        if in_flight > self._room[priority]:
            return "in flight"
        return "loop lag" if lag > self._lag[priority] else None

    def retry_after(self) -> int:
        """Return after how many seconds to come back: 1 plus 0 to 2, so that not all come at once (LS-4)."""
        return 1 + self._rng.randint(0, 2)


class Door:
    """Asks `Shedding` at the two moments at which a request's class can be known.

    Args:
        shedding: Decides.
        lag: How late the event loop is.
        notify: Told of each refusal.
        client_class: Says how much the operations of a client matter, None where nothing does; absent where policy
            ranks no clients.
    """

    def __init__(
        self, shedding: Shedding, lag: LoopLag, notify: Notify, *, client_class: ClientClass | None = None
    ) -> None:
        self._shedding = shedding
        self._lag = lag
        self._notify = notify
        self._client_class = client_class

    @property
    def asks_who(self) -> bool:
        """Whether it matters who is calling, so that it has to be found out before `after_body`."""
        return self._client_class is not None

    def before_body(self, headers: Headers, in_flight: int, request_id: str, *, unread: bool) -> Priority | None:
        """Return the class that *headers* tell, None when only the body can.

        Raises:
            Refusal: There is no room for that class; or not even for the most important one.
        """
        known = self._shedding.from_headers(headers)
        self._admit(Priority.CRITICAL if known is None else known, in_flight, request_id, unread=unread)
        return known

    def after_body(
        self,
        request: GraphQLRequest | list[GraphQLRequest],
        in_flight: int,
        request_id: str,
        *,
        principal: Principal = ANONYMOUS,
        headers: Headers | None = None,
    ) -> None:
        """Let *request* in.

        Raises:
            Refusal: There is no room for its class.
        """
        requests = request if isinstance(request, list) else (request,)
        client = None
        if self._client_class is not None and headers is not None:
            word = self._client_class(principal, headers)
            client = None if word is None else Priority[word.upper()]
        self.admit(self._shedding.of([one.operation_name for one in requests], client), in_flight, request_id)

    def priority_of(self, request: GraphQLRequest, headers: Headers) -> Priority | None:
        """Return the class of *request*, None where that depends on who is calling."""
        known = self._shedding.from_headers(headers)
        if known is not None or self.asks_who:
            return known
        return self._shedding.of((request.operation_name,))

    def admit(self, priority: Priority, in_flight: int, request_id: str) -> None:
        """Let in a request of class *priority*.

        Raises:
            Refusal: There is no room for it.
        """
        self._admit(priority, in_flight, request_id, unread=False)

    def _admit(self, priority: Priority, in_flight: int, request_id: str, *, unread: bool) -> None:
        reason = self._shedding.judge(priority, in_flight, self._lag.seconds)
        if reason is None:
            return
        self._notify(Shed(request_id, priority.name.lower(), reason))
        raise Refusal(
            Code.SERVICE_OVERLOADED,
            "There is too much to do at the moment; send it again a little later.",
            unread=unread,
            retry_after=self._shedding.retry_after(),
            detail=f"{reason}: {in_flight} in flight, loop {self._lag.seconds * 1000:.0f} ms late",
        )
