"""What can go wrong with a simulated service, and when."""

from dataclasses import dataclass, field
from typing import Literal

from bff.upstream.message import Response

Kind = Literal["down", "partition", "hang", "status", "reset", "slow", "late"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Trouble of one service for some time; make it with the functions below.

    Attributes:
        kind: What is wrong.
        service: Whose trouble it is.
        start: Seconds after the start of the world.
        seconds: How long it lasts.
        host: Which host has it; None for all.
        share: Share of the requests that it hits, 0 to 1.
        replicas: Only requests of replicas below this number are hit; None for all.
        factor: For `slow`: how many times as long the work takes.
        delay: For `late`: seconds by which every answer is late, without work.
        acts: For `reset` and `status`: whether the service acts on the request all the same.
        response: For `status`: what it answers.
    """

    kind: Kind
    service: str
    start: float
    seconds: float
    host: int | None = None
    share: float = 1.0
    replicas: int | None = None
    factor: float = 1.0
    delay: float = 0.0
    acts: bool = False
    response: Response = field(default_factory=lambda: Response(503, {}, b""))

    @property
    def end(self) -> float:
        """When it is over, in seconds after the start of the world."""
        return self.start + self.seconds

    def hits_replica(self, replica: int) -> bool:
        """Return whether requests of *replica* can be hit."""
        return self.replicas is None or replica < self.replicas


def down(service: str, start: float, seconds: float, *, host: int | None = None) -> Fault:
    """Return a crash: connections break, work is lost, new connections are refused until the restart."""
    return Fault("down", service, start, seconds, host=host)


def partition(service: str, start: float, seconds: float, *, replicas: int | None = None) -> Fault:
    """Return a cut network: no connection is made, and no answer arrives."""
    return Fault("partition", service, start, seconds, replicas=replicas)


def hang(service: str, start: float, seconds: float, *, share: float = 1.0, host: int | None = None) -> Fault:
    """Return a black hole: requests are accepted and never answered."""
    return Fault("hang", service, start, seconds, share=share, host=host)


def status(
    service: str,
    start: float,
    seconds: float,
    code: int = 503,
    *,
    share: float = 1.0,
    retry_after: int | None = None,
    host: int | None = None,
    acts: bool = False,
) -> Fault:
    """Return answers with status *code*, at once; after acting where *acts*."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    answer = Response(code, headers, b"")
    return Fault("status", service, start, seconds, share=share, host=host, response=answer, acts=acts)


def reset(service: str, start: float, seconds: float, *, share: float = 1.0, acts: bool = False) -> Fault:
    """Return broken connections before an answer: before the service acted, or after it where *acts*."""
    return Fault("reset", service, start, seconds, share=share, acts=acts)


def slow(service: str, start: float, seconds: float, factor: float, *, host: int | None = None) -> Fault:
    """Return work that takes *factor* times as long, and occupies workers for all of it."""
    return Fault("slow", service, start, seconds, factor=factor, host=host)


def late(service: str, start: float, seconds: float, delay: float, *, host: int | None = None) -> Fault:
    """Return a slow network: answers arrive *delay* seconds later, and no worker is busy for it."""
    return Fault("late", service, start, seconds, delay=delay, host=host)


def flapping(service: str, start: float, seconds: float, *, bad: float = 5.0, good: float = 5.0) -> list[Fault]:
    """Return answers of 503 that come and go for *seconds*, *bad* and *good* seconds at a time."""
    count = int(seconds / (bad + good))
    return [status(service, start + turn * (bad + good), bad) for turn in range(count)]
