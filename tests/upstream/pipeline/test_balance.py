"""Attempts go to hosts that can serve them, and each learns from how the others ended."""

import asyncio
from collections import Counter
from random import Random

import pytest

from bff.events import HealthChanged
from bff.policy.hosts import Balance as BalancePolicy
from bff.policy.model import UpstreamPolicy
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.balance import Host, balance_of, picker_of

OK = Response(200, {}, b"")
TWO = {"hosts": ["http://127.0.0.1:1", "http://127.0.0.1:2/api"]}


class World:
    """A balance stage and a service whose hosts do as the test says."""

    def __init__(self, make_call, **policy):
        self.clock = VirtualClock()
        self.events = []
        parsed = UpstreamPolicy.model_validate({**TWO, **policy})
        self.stage = balance_of("catalog", parsed, clock=self.clock, rng=Random(1), notify=self.events.append)
        self.seen = Counter()
        self.errors = {}
        self.make_call = make_call

    async def send(self, call):
        self.seen[call.origin.port] += 1
        call.seconds = 0.01
        if error := self.errors.get(call.origin.port):
            raise error
        return OK

    async def ask(self, **fields):
        return await self.stage(self.make_call(**fields), self.send)

    async def ask_often(self, times, **fields):
        failed = 0
        for _ in range(times):
            try:
                await self.ask(**fields)
            except UpstreamError:
                failed += 1
        return failed


@pytest.fixture
def world(make_call):
    return lambda **policy: World(make_call, **policy)


async def test_lb1_calls_are_spread_over_all_hosts(world):
    some = world()

    await some.ask_often(2000)

    assert some.seen[1] / 2000 == pytest.approx(0.5, abs=0.05)


async def test_a_hosts_prefix_goes_with_it(world, make_call):
    some = world()
    prefixes = set()

    async def send(call):
        prefixes.add((call.origin.port, call.prefix))
        return OK

    for _ in range(50):
        await some.stage(make_call(), send)

    assert prefixes == {(1, ""), (2, "/api")}


async def test_oe2_a_failing_host_costs_five_calls(world):
    some = world()
    some.errors[1] = UpstreamError(Outcome.CONNECT, "refused")

    assert await some.ask_often(200) == 5


@pytest.mark.parametrize(
    ("phase", "seconds", "outcome"),
    [
        ("operation", 0.1, Outcome.CANCELLED),
        ("call", 0.1, Outcome.CANCELLED),
        ("operation", 1.7, Outcome.READ_TIMEOUT),
        ("attempt", 0.1, Outcome.READ_TIMEOUT),
        ("read", 0.1, Outcome.READ_TIMEOUT),
    ],
)
async def test_cb9_our_own_haste_is_not_the_hosts_fault(world, phase, seconds, outcome):
    error = UpstreamError(Outcome.READ_TIMEOUT, "late", phase=phase)

    assert world().stage._blame(error, seconds) is outcome


async def test_a_closed_gate_says_nothing_about_the_host(world):
    stage = world().stage

    assert stage._blame(UpstreamError(Outcome.THROTTLED, "gate", sent=False), 0.0) is Outcome.CANCELLED
    assert stage._blame(UpstreamError(Outcome.THROTTLED, "429", status=429), 0.0) is Outcome.THROTTLED


async def test_lb7_with_panic_turned_off_nothing_is_sent_to_the_sick(world):
    some = world(balance={"panic_threshold": "0%"})
    for member in some.stage.cluster.members:
        some.stage.cluster.health_changed(member, "unhealthy", "", 0.0)

    with pytest.raises(UpstreamError) as told:
        await some.ask()

    assert (told.value.code, told.value.sent, some.seen) == ("UPSTREAM_UNAVAILABLE", False, {})


async def test_rt10_a_repeated_attempt_goes_to_the_other_host(world):
    some = world()

    await some.ask_often(20, tried=(Origin("http", "127.0.0.1", 1),))

    assert some.seen == {2: 20}


@pytest.mark.parametrize("policy", ["maglev", "ring_hash"])
async def test_lb4_calls_of_one_user_stay_at_one_host(world, policy):
    some = world(balance={"policy": policy, "hash_on": "user"})

    await some.ask_often(20, hash_key="u1")

    assert len(some.seen) == 1


def test_lb4_policy_says_how_large_the_table_is(members):
    policy = BalancePolicy(policy="maglev", hash_on="user", maglev_table=1009)

    assert len(picker_of(policy, members(3), Random(1))._table) == 1009


async def test_lb5_a_host_that_says_so_is_out_at_once(world, make_call):
    some = world(health={"path": "/health", "fail_header": "x-fail"})

    async def send(call):
        some.seen[call.origin.port] += 1
        return Response(200, {"x-fail": "1"} if call.origin.port == 1 else {}, b"")

    for _ in range(100):
        await some.stage(make_call(), send)

    assert some.seen[1] == 1
    assert isinstance(some.events[0], HealthChanged)


@pytest.mark.parametrize("way", ["answer", "fail", "cancel"])
async def test_bh5_running_attempts_are_counted_down_however_they_end(world, make_call, way):
    some = world()
    done = asyncio.get_running_loop().create_future()

    async def send(call):
        return await done

    task = asyncio.ensure_future(some.stage(make_call(), send))
    await asyncio.sleep(0)
    assert sum(member.active for member in some.stage.cluster.members) == 1

    if way == "answer":
        done.set_result(OK)
    elif way == "fail":
        done.set_exception(UpstreamError(Outcome.RESET, "gone"))
    else:
        task.cancel()
    await asyncio.wait([task])

    assert task.cancelled() or task.exception() is None or isinstance(task.exception(), UpstreamError)
    assert sum(member.active for member in some.stage.cluster.members) == 0


async def test_lb3_latency_is_learned_from_answers_and_timeouts(world):
    some = world(balance={"policy": "peak_ewma"})
    some.errors[1] = UpstreamError(Outcome.READ_TIMEOUT, "late", phase="attempt")
    await some.ask_often(10)

    costs = {member.origin.port: member.cost for member in some.stage.cluster.members}

    assert costs == {1: 0.01, 2: 0.01}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://catalog.internal", Host(Origin("https", "catalog.internal", 443), "")),
        ("http://127.0.0.1:9102/api/", Host(Origin("http", "127.0.0.1", 9102), "/api")),
        ("http://[::1]", Host(Origin("http", "::1", 80), "")),
    ],
)
def test_a_base_url_becomes_origin_and_prefix(url, host):
    assert Host.parse(url) == host
