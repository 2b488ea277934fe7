"""Sends copies of answered calls to other hosts and compares; nobody waits, and nothing else notices."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from bff.clock import Clock
from bff.events import Notify, ShadowCompared, ShadowResult
from bff.policy.experiments import Shadow as ShadowPolicy
from bff.upstream.differences import Difference, differences
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Request, Response
from bff.upstream.pipeline.call import Call, Handler
from bff.upstream.transport import Transport
from bff.upstream.transport.patience import FairTimeout

MARK = "x-bff-shadow"
"""Header by which the other hosts know a copy."""

_KEPT = 50
_NOT_MODIFIED = 304
_CONDITIONS = ("if-none-match", "if-modified-since")


@dataclass(frozen=True, slots=True)
class Differing:
    """One answer that differed from that to its copy; `at` is in seconds of the wall clock."""

    at: float
    endpoint: str
    differences: tuple[Difference, ...]


class Shadow:
    """Below credentials, so that a copy is what the service was really sent.

    Args:
        policy: What is copied, how much of it, and what may differ.
        hosts: Where copies go, with their path prefixes.
        transport: Sends them, with connections of its own.
        clock: Tells the time.
        rng: Draws.
        notify: Told of each copy.

    Attributes:
        counts: Copies by how they went.
        last: The last answers that differed.
    """

    def __init__(
        self,
        policy: ShadowPolicy,
        hosts: Sequence[tuple[Origin, str]],
        transport: Transport,
        *,
        clock: Clock,
        rng: Random,
        notify: Notify,
    ) -> None:
        self._policy = policy
        self._hosts = hosts
        self._transport = transport
        self._clock = clock
        self._rng = rng
        self._notify = notify
        self._timeout = policy.timeout.total_seconds()
        self._ignored = tuple(sorted(policy.ignore))
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts: Counter[ShadowResult] = Counter()
        self.last: deque[Differing] = deque(maxlen=_KEPT)

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Return the real answer at once, and see to the copy after that."""
        response = await send(call)
        if self._takes(call, response):
            self._begin(call, response)
        return response

    async def close(self) -> None:
        """End copies under way, and the connections for them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._transport.close()

    def _takes(self, call: Call, response: Response) -> bool:
        policy = self._policy
        if call.method not in policy.methods or not (call.safe or policy.unsafe):
            return False
        return response.status != _NOT_MODIFIED and self._rng.random() < policy.share

    def _begin(self, call: Call, response: Response) -> None:
        if len(self._tasks) >= self._policy.concurrency:
            self._tell(call.upstream, call.endpoint, "dropped")
            return
        # The call goes on and changes; the copy is of what was sent.
        origin, prefix = self._rng.choice(self._hosts)
        headers = {name: value for name, value in call.headers.items() if name not in _CONDITIONS}
        headers[MARK] = "1"
        headers["x-request-timeout-ms"] = str(int(self._timeout * 1000))
        request = Request(call.method, origin, prefix + call.target, headers, call.body)
        task = asyncio.create_task(
            self._copy(call.upstream, call.endpoint, request, response), name=f"shadow {call.upstream}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _copy(self, upstream: str, endpoint: str, request: Request, real: Response) -> None:
        try:
            with FairTimeout(self._timeout):
                other = await self._transport.send(request)
        except (UpstreamError, TimeoutError):
            self._tell(upstream, endpoint, "failed")
            return
        if not self._policy.compare:
            self._tell(upstream, endpoint, "unread")
            return
        self._compare(upstream, endpoint, real, other)

    def _compare(self, upstream: str, endpoint: str, real: Response, other: Response) -> None:
        found = differences(real, other, ignore=self._ignored, most_bytes=self._policy.max_compared)
        if not found:
            self._tell(upstream, endpoint, "same")
            return
        self.last.append(Differing(self._clock.wall(), endpoint, found))
        self._tell(upstream, endpoint, "different", found)

    def _tell(
        self, upstream: str, endpoint: str, result: ShadowResult, found: tuple[Difference, ...] = ()
    ) -> None:
        self.counts[result] += 1
        self._notify(ShadowCompared(upstream, endpoint, result, found))
