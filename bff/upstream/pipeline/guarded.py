"""Five stages as one: what nearly every attempt passes, without a coroutine for each."""

from bff.clock import Clock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.pipeline.balance import Balance
from bff.upstream.pipeline.breaker import Breaker
from bff.upstream.pipeline.bulkhead import Bulkhead
from bff.upstream.pipeline.call import Call, Handler
from bff.upstream.pipeline.fanout import FanoutGuard, pass_on
from bff.upstream.pipeline.gate import Gate

GUARDS = ("fanout", "balance", "gate", "breaker", "bulkhead")
"""The stages that `Guarded` stands for, outermost first."""


class Guarded:
    """`fanout`, `balance`, `gate`, `breaker` and `bulkhead`, in this order and with all that each of them decides.

    They look before an attempt and after it, and seldom wait: so they take one look at the clock together, and
    each `try` below is what one of them does around the next. Where another stage stands between them, as `canary`
    or `adaptive` do, they go one by one.

    Args:
        fanout: Of the upstream.
        balance: Of the upstream.
        gate: Of the endpoint group.
        breaker: Of the endpoint group.
        bulkhead: Of the upstream, with a fixed number of permits.
        clock: Tells the time.
    """

    def __init__(
        self,
        fanout: FanoutGuard,
        balance: Balance,
        gate: Gate,
        breaker: Breaker,
        bulkhead: Bulkhead,
        *,
        clock: Clock,
    ) -> None:
        self._fanout = fanout
        self._balance = balance
        self._gate = gate
        self._breaker = breaker
        self._bulkhead = bulkhead
        self._now = clock.now
        self._admits = fanout.admits
        self._pick = balance.pick
        self._gate_of = gate.of
        self._acquire = breaker.acquire
        self._reads_answers = balance.reads_answers
        self._answered = balance.answered

    async def __call__(self, call: Call, send: Handler) -> Response:  # noqa: C901, PLR0912 - five stages, see above
        """Pass *call* on when its operation has room for it, to the host that is picked, if that may be called.

        Raises:
            UpstreamError: What one of the stages refused it with; or what *send* raised.
        """
        fanout, breaker, permits = call.fanout, self._breaker, self._bulkhead.permits
        if fanout is not None and not self._admits(fanout):
            await self._fanout.wait(fanout, call.deadline)
        try:
            now = self._now()
            member = self._pick(call, now)
            member.active += 1
            try:
                gate = self._gate_of(call)
                try:
                    permission = self._acquire(now)
                    if permission is None:
                        raise breaker.refused(call)
                    try:
                        if not permits.take():
                            await self._bulkhead.wait(call)
                        try:
                            response = await send(call)
                        finally:
                            permits.give_back()
                    except UpstreamError as error:
                        breaker.failed(call, permission, error)
                        raise
                    except BaseException:
                        breaker.release(permission)
                        raise
                    now = self._now()
                    breaker.succeeded(permission, now, call.seconds, call.limit)
                except UpstreamError as error:
                    self._gate.failed(gate, call, error)
                    raise
                if gate.succeeded(now):
                    self._gate.opened(call)
            except UpstreamError as error:
                self._balance.failed(member, call, error)
                raise
            finally:
                member.active -= 1
            if self._reads_answers:
                self._balance.succeeded(member, call, response, now)
            else:
                self._answered(member)
            return response
        finally:
            if fanout is not None:
                pass_on(fanout)
