"""The one deadline of a request: the server's or the client's, whichever ends first (DL-1, DL-11)."""

import re
from collections import deque
from typing import Final

from msgspec import Struct

from bff.clock import Clock
from bff.context import Deadline
from bff.events import Notify
from bff.policy.model import OperationsPolicy
from bff.server.events import HintIgnored
from bff.server.headers import Headers

MILLISECONDS: Final = b"x-request-timeout-ms"
GRPC: Final = b"grpc-timeout"

SHORTEST: Final = 0.001
"""A client that grants less than this, in seconds, has given up already."""

_GRPC: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_GRPC_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


class MalformedHintError(ValueError):
    """A deadline header says nothing usable."""


def parse_milliseconds(value: bytes) -> float:
    """Return the seconds that an `x-request-timeout-ms` header grants.

    Raises:
        MalformedHintError: Not a number of milliseconds in decimal digits.
    """
    if not value.isdigit() or len(value) > 15:  # noqa: PLR2004 - 30,000 years are enough
        raise MalformedHintError
    return int(value) / 1000


def parse_grpc(value: bytes) -> float:
    """Return the seconds that a `grpc-timeout` header grants (gRPC over HTTP/2, Requests).

    Raises:
        MalformedHintError: Not up to eight digits and a unit.
    """
    match = _GRPC.fullmatch(value)
    if not match:
        raise MalformedHintError
    return int(match[1]) * _GRPC_UNITS[match[2]]


class RejectionGuard:
    """Keeps clients whose clocks or settings are broken from refusing themselves all service (DL-11)."""

    WINDOW = 10
    """Seconds that are looked back on."""

    SHARE = 0.2
    """Of the requests in the window that may be rejected on the client's word."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds: deque[list[int]] = deque()
        self._total = 0
        self._rejected = 0

    def count(self, now: float) -> None:
        """Count a request that arrived at *now*."""
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
            while self._seconds[0][0] <= second - self.WINDOW:
                _, total, rejected = self._seconds.popleft()
                self._total -= total
                self._rejected -= rejected
        self._seconds[-1][1] += 1
        self._total += 1

    def may_reject(self) -> bool:
        """Return whether the request counted last may be rejected, and count it as such if so."""
        if self._rejected + 1 > self.SHARE * self._total:
            return False
        self._seconds[-1][2] += 1
        self._rejected += 1
        return True


class Allotment(Struct, eq=False):
    """A request's deadline, when it arrived, and the server's own deadline where the client asked for less.

    Which operation it is, and so the deadline that policy gives it, is found out later by the engine.
    """

    deadline: Deadline
    arrived: float
    servers: Deadline | None = None
    header: str = ""


class Deadlines:
    """Gives each request its deadline."""

    def __init__(self, policy: OperationsPolicy, clock: Clock, notify: Notify) -> None:
        self._longest = policy.deadline_max.total_seconds()
        self._clock = clock
        self._notify = notify
        self._guard = RejectionGuard(clock)

    def allot(self, headers: Headers, request_id: str) -> Allotment:
        """Return the deadline of a request that has just arrived."""
        now = self._clock.now()
        self._guard.count(now)
        if MILLISECONDS not in headers.raw and GRPC not in headers.raw:
            return Allotment(Deadline(now + self._longest, self._clock), now)
        hint, header = self._hint(headers, request_id)
        server = Deadline(now + self._longest, self._clock)
        if hint >= self._longest:
            return Allotment(server, now)
        return Allotment(Deadline(now + hint, self._clock), now, server, header)

    def enforce(self, allotment: Allotment, request_id: str) -> Deadline | None:
        """Return the deadline to work under, None when the request is too late to be worth any work (DL-11)."""
        if allotment.deadline.remaining() >= SHORTEST:
            return allotment.deadline
        if allotment.servers is None or allotment.servers.remaining() < SHORTEST or self._guard.may_reject():
            return None
        self._notify(HintIgnored(request_id, allotment.header, "too many"))
        return allotment.servers

    def _hint(self, headers: Headers, request_id: str) -> tuple[float, str]:
        shortest, said_by = float("inf"), ""
        for header, parse in ((MILLISECONDS, parse_milliseconds), (GRPC, parse_grpc)):
            value = headers.raw.get(header)
            if value is None:
                continue
            try:
                seconds = parse(value)
            except MalformedHintError:
                self._notify(HintIgnored(request_id, header.decode(), "malformed"))
                continue
            if seconds <= 0:
                self._notify(HintIgnored(request_id, header.decode(), "not positive"))
            elif seconds < shortest:
                shortest, said_by = seconds, header.decode()
        return shortest, said_by
