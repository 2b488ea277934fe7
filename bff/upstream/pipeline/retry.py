"""Sends a failed call again: only when that is safe, while there is time, and never so often that it harms."""

from collections.abc import Set as AbstractSet
from random import Random

from bff.clock import Clock
from bff.events import Notify, Retrying, RetrySuppressed, Suppression
from bff.policy.resilience import RetryRules
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import FACTS, Outcome
from bff.upstream.pipeline.backoff import Backoff
from bff.upstream.pipeline.budget import RetryBudget
from bff.upstream.pipeline.call import Call, Handler

_MOST_OVER_ASKED = 1.1
_CONFLICT = 409


def may_repeat(error: UpstreamError, *, safe: bool, keyed: bool, statuses: AbstractSet[int]) -> bool:
    """Return whether a call that ended with *error* may be sent again at all (table 4.1).

    Args:
        error: How the attempt ended.
        safe: Whether sending the call twice does no harm.
        keyed: Whether the service recognises a repetition by its key.
        statuses: The statuses that policy repeats; it decides for every failure that has one.
    """
    outcome = error.outcome
    if error.status is not None and outcome is not Outcome.BODY_BROKEN:
        if error.status not in statuses:
            return False
        return keyed if error.status == _CONFLICT else safe or keyed
    facts = FACTS[outcome]
    if safe:
        return facts.retry_safe
    return facts.retry_keyed if keyed else facts.retry_unsafe


class Retry:
    """Repeats the calls of one endpoint.

    Args:
        policy: When and how patiently.
        budget: How much load repeating may add; shared by the whole upstream.
        hosts: How many hosts there are to choose from.
        min_attempt_time: Less time than this is not worth a send, in seconds.
        clock: Tells the time and waits.
        rng: Spreads the pauses.
        notify: Told of repetitions, and of those that were not made.
    """

    def __init__(
        self,
        policy: RetryRules,
        budget: RetryBudget,
        *,
        hosts: int,
        min_attempt_time: float,
        clock: Clock,
        rng: Random,
        notify: Notify,
    ) -> None:
        self._attempts = policy.attempts
        self._statuses = policy.statuses
        self._keyed = policy.keyed
        self._longest_wait = policy.retry_after_max_wait.total_seconds()
        self._replay_buffer = policy.replay_buffer
        self._backoff = Backoff(policy, rng)
        self._budget = budget
        self._hosts = hosts
        self._least = min_attempt_time
        self._clock = clock
        self._rng = rng
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Return the first usable response.

        Raises:
            UpstreamError: The last real outcome; `suppressed` says why it was the last, where that is not plain.
        """
        if call.attempt == 1:
            self._budget.deposit(self._clock.now())
        pause = 0.0
        while True:
            try:
                return await send(call)
            except UpstreamError as error:
                if not self._goes_on_for_free(call, error):
                    pause = self._pause(call, error, pause)
                    if pause < 0:
                        raise
                    call.attempt += 1
            if call.origin is not None:
                call.tried = (*call.tried, call.origin)
            if pause > 0:
                await self._clock.sleep(pause)

    def _goes_on_for_free(self, call: Call, error: UpstreamError) -> bool:
        """Whether nothing was sent, so that going on is no repetition: a refused stream (RT-5), a closed gate."""
        if not call.repeatable:
            return False
        if error.outcome is Outcome.REFUSED and not call.refused_once:
            call.refused_once = True
            return True
        gated = error.outcome is Outcome.THROTTLED and error.sent is False
        return gated and call.origin not in call.tried and len(call.tried) + 1 < self._hosts

    def _pause(self, call: Call, error: UpstreamError, previous: float) -> float:
        """Return the seconds to wait before the next send of *call*, negative where there is none."""
        keyed = self._keyed and call.keyed
        if not may_repeat(error, safe=call.safe, keyed=keyed, statuses=self._statuses):
            return -1.0
        if call.attempt >= self._attempts:
            return -1.0
        if not call.repeatable:
            return self._suppress(call, error, "caller_repeats")
        if call.body is not None and len(call.body) > self._replay_buffer:
            return self._suppress(call, error, "replay_buffer")
        return self._affordable(call, error, self._backoff.delay(call.attempt, previous))

    def _affordable(self, call: Call, error: UpstreamError, pause: float) -> float:
        if error.outcome is Outcome.THROTTLED and error.retry_after is not None:
            asked = error.retry_after * self._rng.uniform(1.0, _MOST_OVER_ASKED)
            if asked > self._longest_wait:
                return self._suppress(call, error, "retry_after")
            pause = max(pause, asked)
        now = self._clock.now()
        if now + pause + self._least > call.deadline:
            return self._suppress(call, error, "deadline")
        if not self._budget.withdraw(now):
            return self._suppress(call, error, "budget")
        balance = self._budget.balance(now)
        self._notify(
            Retrying(
                call.upstream,
                call.endpoint,
                call.request_id,
                call.attempt + 1,
                pause,
                error.outcome,
                balance,
                call.number,
            )
        )
        return pause

    def _suppress(self, call: Call, error: UpstreamError, reason: Suppression) -> float:
        error.suppressed = reason
        balance = self._budget.balance(self._clock.now())
        self._notify(
            RetrySuppressed(
                call.upstream, call.endpoint, call.request_id, reason, error.outcome, balance, call.number
            )
        )
        return -1.0
