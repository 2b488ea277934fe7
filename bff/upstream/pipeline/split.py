"""Asks for a batch in two halves that failed as a whole (RT-11)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

from bff.clock import Clock
from bff.events import Notify, Retrying, RetrySuppressed
from bff.policy.resilience import RetryRules
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Item, Response
from bff.upstream.pipeline.budget import RetryBudget
from bff.upstream.pipeline.call import UNDECODED, Call, Handler

HARD_CAP = 5
"""Sends of one key at most, whatever policy says (RT-1)."""

_DECIDES_KEEPING = ("cache-control", "expires", "pragma", "vary", "surrogate-key", "cache-tag")
_OF_ONE_PART = frozenset({"etag", "last-modified", "content-length", "content-md5", "age", "date"})


class Split:
    """Halves batches until they come back, or budget, time or keys are used up; each half is a repetition.

    Built only where policy names outcomes; keys that fail within a batch that came back are not asked for again.

    Args:
        policy: Which outcomes.
        budget: How much load repeating may add; shared by the whole upstream.
        min_attempt_time: Less time than this is not worth a send, in seconds.
        clock: Tells the time.
        notify: Told of each half, and of those that were not sent.
    """

    def __init__(
        self, policy: RetryRules, budget: RetryBudget, *, min_attempt_time: float, clock: Clock, notify: Notify
    ) -> None:
        self._on = policy.split_on
        self._budget = budget
        self._least = min_attempt_time
        self._clock = clock
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on, in halves if it fails whole.

        Raises:
            UpstreamError: No half brought anything.
        """
        try:
            return await send(call)
        except UpstreamError as error:
            halves = self._halves(call, error)
            if not halves:
                raise
            whole = error
        answers = await asyncio.gather(*(self(half, send) for half in halves), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, UpstreamError):
                raise answer
        if all(isinstance(answer, UpstreamError) for answer in answers):
            raise whole
        return self._joined(call, halves, answers)  # type: ignore[arg-type]  # the others were raised above

    def _halves(self, call: Call, error: UpstreamError) -> list[Call]:
        split = call.split
        if split is None or len(split.keys) < 2 or error.outcome not in self._on:  # noqa: PLR2004 - one has no halves
            return []
        if call.attempt >= HARD_CAP or not call.repeatable:
            return []
        now = self._clock.now()
        if now + self._least > call.deadline:
            return self._suppressed(call, error, "deadline")
        if self._budget.balance(now) < 2:  # noqa: PLR2004 - one for each half
            return self._suppressed(call, error, "budget")
        middle = len(split.keys) // 2
        halves = [split.narrow(call, keys) for keys in (split.keys[:middle], split.keys[middle:])]
        for half in halves:
            self._budget.withdraw(now)
            half.attempt = call.attempt + 1
            self._notify(
                Retrying(
                    call.upstream,
                    call.endpoint,
                    call.request_id,
                    half.attempt,
                    0.0,
                    error.outcome,
                    self._budget.balance(now),
                )
            )
        return halves

    def _suppressed(self, call: Call, error: UpstreamError, reason: Literal["deadline", "budget"]) -> list[Call]:
        error.suppressed = reason
        balance = self._budget.balance(self._clock.now())
        self._notify(
            RetrySuppressed(call.upstream, call.endpoint, call.request_id, reason, error.outcome, balance)
        )
        return []

    @staticmethod
    def _joined(call: Call, halves: Sequence[Call], answers: Sequence[Response | UpstreamError]) -> Response:
        """Return one answer made of those of *halves*."""
        assert call.split is not None
        whole = [answer for answer in answers if isinstance(answer, Response) and answer.items is None]
        if len(whole) == len(answers) and call.split.join is not None:
            raws: dict[str, bytes] = {}
            for half, answer in zip(halves, whole, strict=True):
                assert half.split is not None
                raws.update(half.split.items(answer))
            response = Response(200, _common([answer.headers for answer in whole]), call.split.join(raws))
            call.value = UNDECODED if call.decode is None else call.decode(response)
            return response
        items: dict[str, Item] = {}
        for half, part in zip(halves, answers, strict=True):
            assert half.split is not None
            if isinstance(part, UpstreamError):
                items.update(dict.fromkeys(half.split.keys, Item(part)))
            elif part.items is not None:
                items.update(part.items)
            else:
                raws = half.split.items(part)
                items.update({key: Item(raws.get(key)) for key in half.split.keys})
        return Response(200, {"cache-control": "no-store"}, b"", items=items)


def _common(parts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the header fields of a whole made of *parts*; where they differ, it is not to be kept."""
    first = parts[0]
    headers = {name: value for name, value in first.items() if name not in _OF_ONE_PART}
    if any(part.get(name) != first.get(name) for part in parts for name in _DECIDES_KEEPING):
        return {**headers, "cache-control": "no-store"}
    ages = [part["age"] for part in parts if "age" in part]
    dates = [part["date"] for part in parts if "date" in part]
    if ages:
        headers["age"] = max(ages, key=lambda age: int(age) if age.isdigit() else 2**31)
    if len(set(dates)) == 1:
        headers["date"] = dates[0]
    return headers
