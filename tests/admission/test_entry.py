"""What a request that was let in may still spend (RL-9 to RL-12)."""

from inspect import isawaitable

import pytest

from bff.codes import Code
from bff.events import LimitExceeded
from bff.execution.messages import Denied

COST = {"cost": {"rate": "10 per second", "burst": 100}}


@pytest.fixture
def enter(gate, arrival, user, ask):
    """A function that lets one request in; all of them come from the same user."""

    def make(limits=None, store=None, **headers):
        some = gate(limits=limits or COST, store=store).admission

        async def come():
            found = some.enter(arrival(**headers), user(), ask())
            return await found if isawaitable(found) else found

        return come

    return make


def limit(entry, name):
    told = dict(entry.headers())[b"ratelimit"].decode()
    return next(part for part in told.split(", ") if part.startswith(f'"{name}"'))


async def test_rl10_the_estimate_is_taken_and_the_difference_given_back(enter):
    come = enter()
    entry = await come()

    await entry.charge(80)
    spent = limit(entry, "cost")
    await entry.refund(50)

    assert spent == '"cost";r=20;t=8'
    assert limit(entry, "cost") == '"cost";r=70;t=3'
    await (await come()).charge(70)


async def test_rl10_what_is_not_there_now_is_refused_with_a_wait_and_takes_nothing(enter, events):
    come = enter()
    first, second = await come(), await come()
    await first.charge(80)

    with pytest.raises(Denied) as caught:
        await second.charge(21)

    assert caught.value.code is Code.RATE_LIMITED
    assert caught.value.extensions == {"retryAfterMs": 100}
    assert limit(second, "cost") == '"cost";r=20;t=1'
    assert events == [LimitExceeded("r1", "default", "cost", True, "process")]
    await second.charge(20)


async def test_rl1_what_costs_more_than_there_ever_is_is_too_costly_not_too_early(enter):
    entry = await enter()()

    with pytest.raises(Denied) as caught:
        await entry.charge(101)

    assert caught.value.code is Code.COST_LIMIT_EXCEEDED
    assert caught.value.extensions == {}


async def test_a_refund_beyond_the_charge_is_no_credit(enter):
    come = enter()
    entry = await come()
    await (await come()).charge(50)
    await entry.charge(10)

    await entry.refund(1000)
    await entry.refund(1000)

    assert limit(entry, "cost") == '"cost";r=50;t=5'


@pytest.mark.parametrize("unused", [0, -5, float("nan"), float("-inf")])
async def test_a_refund_of_nothing_changes_nothing_and_never_fails(enter, unused):
    entry = await enter()()
    await entry.charge(10)

    await entry.refund(unused)

    assert limit(entry, "cost") == '"cost";r=90;t=1'


async def test_a_cost_of_nothing_only_looks(enter):
    entry = await enter()()

    await entry.charge(0)

    assert limit(entry, "cost") == '"cost";r=100;t=0'


async def test_a_negative_charge_is_a_fault_of_the_caller(enter):
    entry = await enter()()

    with pytest.raises(ValueError, match="cost counts from 0"):
        await entry.charge(-1)


async def test_operations_of_a_batch_share_one_entry(enter):
    entry = await enter()()
    await entry.charge(60)

    with pytest.raises(Denied):
        await entry.charge(60)
    await entry.refund(30)

    assert limit(entry, "cost") == '"cost";r=70;t=3'


async def test_fractions_count(enter):
    come = enter()
    entry = await come()

    await entry.charge(99.5)

    with pytest.raises(Denied):
        await (await come()).charge(0.6)


async def test_where_cost_is_off_nothing_is_charged(enter):
    entry = await enter({"cost": {"mode": "off"}})()

    await entry.charge(1_000_000)
    await entry.refund(1)

    assert b'"cost"' not in dict(entry.headers())[b"ratelimit"]


async def test_cost_that_is_only_measured_refuses_nobody(enter, events):
    entry = await enter({"cost": {"rate": "10 per second", "burst": 100, "mode": "measure"}})()

    await entry.charge(101)
    await entry.refund(50)

    assert events == [LimitExceeded("r1", "default", "cost", False, "process")]
    assert limit(entry, "cost") == '"cost";r=100;t=0', "nothing was taken, nothing given back"


async def test_rl12_what_is_left_is_told_where_asked(enter):
    entry = await enter(x_bff_cost="1")()

    before = entry.report()
    await entry.charge(80)

    assert before == {}
    assert entry.report() == {"cost": {"maximumAvailable": 100, "currentlyAvailable": 20, "restoreRate": 10.0}}


async def test_the_same_in_redis(enter, shared_redis, open_store):
    shared_redis.command("FLUSHALL")
    limits = {"cost": {"rate": "100 per day", "burst": 100}}
    come = enter(limits, open_store(shared_redis.url))
    first, second = await come(), await come()
    await first.charge(80)

    with pytest.raises(Denied):
        await second.charge(21)
    await first.refund(50)
    await second.charge(70)

    assert limit(second, "cost").startswith('"cost";r=0;')


async def test_a_store_that_goes_away_in_between_fails_nobody(enter, redis_server, open_store):
    come = enter(store=open_store(redis_server.url))
    entry = await come()
    await entry.charge(10)
    redis_server.stop()

    await entry.refund(5)
    await entry.charge(10)
    await entry.refund(5)

    assert entry.report() == {}
