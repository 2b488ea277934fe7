"""A failed call is sent again: only when that is safe, while there is time, never too often."""

import asyncio
from random import Random

import pytest

from bff.events import Retrying, RetrySuppressed
from bff.policy.resilience import RetryRules
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.outcome import FACTS, Outcome, classify
from bff.upstream.pipeline.budget import RetryBudget
from bff.upstream.pipeline.call import Call
from bff.upstream.pipeline.retry import Retry

OK = Response(200, {}, b"{}")
HOST = Origin("http", "a", 80)
OTHER = Origin("http", "b", 80)


class Bench:
    """A retry stage above a service that fails as told and then answers; time passes only in pauses."""

    def __init__(self, *failures, hosts=1, reserve=2.0, ratio=0.2, **policy):
        self.failures = list(failures)
        self.sends = []
        self.events = []
        self.clock = VirtualClock()
        self.hosts = [HOST, OTHER][:hosts]
        self.stage = Retry(
            RetryRules(**policy),
            RetryBudget(ratio=ratio, ttl=10, reserve=reserve),
            hosts=hosts,
            min_attempt_time=0.01,
            clock=self.clock,
            rng=Random(7),
            notify=self.events.append,
        )

    async def send(self, call):
        call.origin = next((host for host in self.hosts if host not in call.tried), self.hosts[0])
        self.sends.append((self.clock.now(), call.attempt, call.origin))
        if self.failures:
            failure = self.failures.pop(0)
            raise failure.fresh() if isinstance(failure, UpstreamError) else UpstreamError(failure, "as told")
        return OK

    async def run(self, *, method="GET", safe=True, keyed=False, seconds=5.0, body=None, repeatable=True):
        call = Call(
            "catalog",
            "dishes",
            method,
            "/dishes",
            {"idempotency-key": "k"} if keyed else {},
            body,
            safe=safe,
            request_id="r",
            deadline=self.clock.now() + seconds,
            repeatable=repeatable,
        )
        try:
            return await self.clock.run(self.stage(call, self.send))
        except UpstreamError as error:
            return error

    @property
    def pauses(self):
        return [event.delay for event in self.events if isinstance(event, Retrying)]

    @property
    def suppressed(self):
        return [event.reason for event in self.events if isinstance(event, RetrySuppressed)]


def status(outcome, number, **more):
    return UpstreamError(outcome, f"status {number}", status=number, **more)


REPEATED_SAFE = {
    Outcome.REQUEST_TIMEOUT,
    Outcome.TOO_EARLY,
    Outcome.THROTTLED,
    Outcome.GATEWAY_ERROR,
    Outcome.CONNECT,
    Outcome.DNS,
    Outcome.RESET,
    Outcome.READ_TIMEOUT,
    Outcome.BODY_BROKEN,
}
NEVER_SENT = {Outcome.CONNECT, Outcome.DNS}


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.OK, Outcome.REFUSED}))
@pytest.mark.parametrize(("safe", "keyed"), [(True, False), (False, False), (False, True)])
async def test_t_rt_a_each_class_is_repeated_as_table_4_1_says(outcome, safe, keyed):
    """T-RT-a: an order is never placed twice, and no answer is fetched that would be the same."""
    bench = Bench(outcome, outcome, outcome)

    await bench.run(safe=safe, keyed=keyed)

    repeated = outcome in (REPEATED_SAFE if safe or keyed else NEVER_SENT)
    assert len(bench.sends) == (2 if repeated else 1)


@pytest.mark.parametrize("number", [400, 401, 404, 408, 409, 422, 425, 429, 500, 501, 502, 503, 504, 505, 507])
@pytest.mark.parametrize(("safe", "keyed"), [(True, False), (False, False), (False, True)])
async def test_t_rt_a_each_status_is_repeated_when_policy_names_it(number, safe, keyed):
    """T-RT-a by status: 500 and 409 are not repeated unless a policy says so."""
    bench = Bench(status(classify(number), number))

    await bench.run(safe=safe, keyed=keyed)

    repeated = (safe or keyed) and number in {408, 425, 429, 502, 503, 504}
    assert len(bench.sends) == (2 if repeated else 1)


@pytest.mark.parametrize(("safe", "keyed", "sends"), [(True, False, 1), (False, False, 1), (False, True, 2)])
async def test_a_conflict_is_repeated_only_with_a_key_and_where_policy_says_in_progress(safe, keyed, sends):
    bench = Bench(status(Outcome.CONFLICT, 409), statuses={409})

    await bench.run(safe=safe, keyed=keyed)

    assert len(bench.sends) == sends


async def test_500_is_repeated_for_safe_calls_where_policy_says_so():
    bench = Bench(status(Outcome.SERVER_ERROR, 500), statuses={500})

    assert await bench.run() is OK


async def test_a_payload_that_says_failure_is_not_repeated():
    """A GraphQL service that answers 200 with errors would answer them again."""
    bench = Bench(status(Outcome.SERVER_ERROR, 200))

    await bench.run()

    assert len(bench.sends) == 1


async def test_a_key_that_the_service_ignores_repeats_nothing():
    bench = Bench(Outcome.RESET, keyed=False)

    await bench.run(safe=False, keyed=True)

    assert len(bench.sends) == 1


@pytest.mark.parametrize("attempts", [1, 2, 3, 5])
async def test_rt_1_never_more_sends_than_attempts(attempts):
    bench = Bench(*[Outcome.RESET] * 10, attempts=attempts)

    await bench.run()

    assert [attempt for _, attempt, _ in bench.sends] == list(range(1, attempts + 1))


async def test_rt_2_pauses_lie_between_the_sends_and_below_their_ceilings():
    bench = Bench(*[Outcome.RESET] * 10, attempts=5)

    await bench.run()

    waited = [after - before for (before, *_), (after, *_) in zip(bench.sends, bench.sends[1:], strict=False)]
    assert waited == pytest.approx(bench.pauses)
    assert all(pause <= ceiling for pause, ceiling in zip(waited, [0.025, 0.05, 0.1, 0.2], strict=True))


async def test_rt_2_no_pause_goes_past_the_deadline():
    """The client gets the last outcome now instead of a timeout later."""
    bench = Bench(Outcome.RESET)

    error = await bench.run(seconds=0.009)

    assert (error.outcome, error.suppressed, len(bench.sends)) == (Outcome.RESET, "deadline", 1)
    assert bench.suppressed == ["deadline"]


async def test_t_dl_a_attempts_with_pauses_never_exceed_the_deadline():
    """T-DL-a: three attempts of a service that resets after 30 ms each."""
    for seed in range(50):
        bench = Bench(*[Outcome.RESET] * 10, attempts=5)
        bench.stage._backoff._rng = Random(seed)
        send = bench.send

        async def slow(call, bench=bench, send=send):
            await bench.clock.sleep(0.03)
            return await send(call)

        bench.send = slow
        started = bench.clock.now()
        await bench.run(seconds=0.1)
        assert bench.clock.now() - started <= 0.1 + 0.02


async def test_rt_4_without_budget_the_last_real_outcome_is_told():
    bench = Bench(Outcome.RESET, reserve=0.0)

    error = await bench.run()

    assert (error.outcome, error.suppressed, len(bench.sends)) == (Outcome.RESET, "budget", 1)
    assert bench.suppressed == ["budget"]
    assert "not sent again: budget" in str(error)


async def test_t_rt_b_a_total_outage_adds_at_most_a_fifth_and_the_reserve():
    """T-RT-b: 200 calls a second fail for 60 s."""
    bench = Bench()
    sends = 0

    async def fail(call):
        nonlocal sends
        sends += 1
        raise UpstreamError(Outcome.RESET, "down")

    bench.send = fail

    async def all_of_them():
        async def one(number):
            await bench.clock.sleep(number / 200)
            call = Call("c", "e", "GET", "/", {}, None, safe=True, request_id="r", deadline=bench.clock.now() + 5)
            with pytest.raises(UpstreamError):
                await bench.stage(call, fail)

        await asyncio.gather(*(one(number) for number in range(12_000)))

    bench.clock._turns = 6
    await bench.clock.run(all_of_them())

    assert 12_000 < sends <= 1.2 * 12_000 + 2 * 60


async def test_rt_5_a_refused_stream_goes_again_at_once_and_free_of_budget():
    bench = Bench(Outcome.REFUSED, reserve=0.0, ratio=0.0, attempts=1)

    assert await bench.run(safe=False, body=b"x" * 100_000) is OK
    assert [(when - bench.sends[0][0], attempt) for when, attempt, _ in bench.sends] == [(0, 1), (0, 1)]


async def test_rt_5_only_the_first_refusal_is_free():
    bench = Bench(Outcome.REFUSED, Outcome.REFUSED, Outcome.REFUSED, Outcome.REFUSED, attempts=1)

    error = await bench.run()

    assert (error.outcome, len(bench.sends)) == (Outcome.REFUSED, 2)


@pytest.mark.parametrize(
    ("retry_after", "sends", "suppressed"),
    [
        pytest.param(0.0, 2, None, id="0"),
        pytest.param(0.5, 2, None, id="within what a call waits"),
        pytest.param(1.0, 1, "retry_after", id="1"),
        pytest.param(3600.0, 1, "retry_after", id="3600"),
        pytest.param(None, 2, None, id="nothing usable said"),
    ],
)
async def test_t_rt_f_a_throttled_call_waits_as_told_or_not_at_all(retry_after, sends, suppressed):
    """T-RT-f, RT-6."""
    bench = Bench(status(Outcome.THROTTLED, 429, retry_after=retry_after))

    answer = await bench.run()

    assert len(bench.sends) == sends
    if sends == 1:
        assert (answer.suppressed, answer.retry_after) == (suppressed, retry_after)
    else:
        waited = bench.sends[1][0] - bench.sends[0][0]
        assert (retry_after or 0.0) <= waited <= max(0.025, 1.1 * (retry_after or 0.0))


async def test_rt_6_a_wish_beyond_the_deadline_is_not_waited_for():
    bench = Bench(status(Outcome.THROTTLED, 429, retry_after=0.5))

    assert (await bench.run(seconds=0.3)).suppressed == "deadline"


async def test_rt_7_whoever_repeats_already_gets_no_repetition_from_us():
    """Three layers with three tries each make 27 calls."""
    bench = Bench(Outcome.RESET)

    error = await bench.run(repeatable=False)

    assert (error.suppressed, len(bench.sends)) == ("caller_repeats", 1)


@pytest.mark.parametrize(("size", "sends"), [(65_536, 2), (65_537, 1)])
async def test_rt_9_a_body_is_sent_twice_only_up_to_the_replay_buffer(size, sends):
    bench = Bench(Outcome.RESET)

    await bench.run(body=b"x" * size)

    assert len(bench.sends) == sends


async def test_rt_10_a_repetition_goes_to_another_host():
    bench = Bench(Outcome.RESET, hosts=2)

    await bench.run()

    assert [origin for *_, origin in bench.sends] == [HOST, OTHER]


@pytest.mark.parametrize("safe", [True, False])
async def test_a_closed_gate_costs_no_attempt_while_another_host_is_there(safe):
    """RT-6: nothing was sent, so going on is no repetition, not even of an order."""
    shut = UpstreamError(Outcome.THROTTLED, "gate", sent=False, retry_after=30.0)
    bench = Bench(shut, hosts=2, attempts=1, reserve=0.0, ratio=0.0)

    assert await bench.run(safe=safe) is OK
    assert [origin for *_, origin in bench.sends] == [HOST, OTHER]


async def test_when_the_gates_of_all_hosts_are_closed_the_call_ends():
    shut = UpstreamError(Outcome.THROTTLED, "gate", sent=False, retry_after=30.0)
    bench = Bench(shut, shut, shut, shut, hosts=2)

    error = await bench.run()

    assert (error.outcome, error.retry_after, len(bench.sends)) == (Outcome.THROTTLED, 30.0, 2)


async def test_what_was_repeated_is_told_with_its_reason_and_the_balance():
    bench = Bench(Outcome.RESET)

    await bench.run()

    (event,) = bench.events
    assert (event.reason, event.attempt, event.endpoint) == (Outcome.RESET, 2, "dishes")
    assert event.balance == pytest.approx(19.2)


def test_every_outcome_has_its_facts():
    assert set(FACTS) == set(Outcome)
