"""Faults 27 to 29: the shared store is away, slow, empty, full, or another machine; clients notice nothing.

Every request for a `thing` is another user's, so that it asks the store and writes to it; a `calm` is never kept,
and so knows nothing of the store.
"""

import asyncio
import signal
import statistics
import time

import pytest

from bff.testing.redis_server import RedisServer
from tests.faults.lateness import hardly_slower
from tests.faults.redis_groups import Sentinels, ThreeNodes
from tests.faults.relay import Relay
from tests.faults.trial import CALM, SCREEN, THING, unharmed

pytestmark = pytest.mark.xdist_group("redis")

RATE = 60
POOL = 12
GROUP = 3
"""Nodes of a cluster, each with a pool of its own; or Sentinel and two servers."""

STORE = {"breaker_open": "1s", "breaker_open_max": "1s", "pool_size": POOL}


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory, running):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    running.callback(server.stop)
    return server


@pytest.fixture(scope="module")
def relay(redis_server, running):
    relay = Relay(f"http://127.0.0.1:{redis_server.port}")
    running.callback(relay.close)
    return relay


@pytest.fixture(scope="module")
def caching_bff(start_bff, shaky, steady, pair):
    """Return a function that starts a bff whose cache lies in the Redis of an address."""

    def start(url):
        return start_bff(
            {
                "shaky": {"hosts": [shaky.url], "cache": {"default_ttl": "30s", "scope": "user"}},
                "steady": {"hosts": [steady.url]},
                "pair": {"hosts": [host.url for host in pair]},
            },
            store=STORE,
            environment={"BFF_REDIS_URL": url},
        )

    return start


@pytest.fixture(scope="module")
def bff(caching_bff, relay):
    return caching_bff(relay.url.replace("http", "redis") + "/0")


def keys(server):
    """Return how many keys the server has."""
    return int(server.command("DBSIZE")[1:])


def settle(trial, server):
    """Wait until the store is used."""
    until, before = time.monotonic() + 5, keys(server)
    while keys(server) <= before:
        assert trial.ask().whole
        assert time.monotonic() < until, "the store is not used again within five seconds"


TROUBLES = {
    "refused": (lambda server, relay: server.stop(), lambda server, relay: server.start()),
    "black hole": (lambda _, relay: setattr(relay, "deaf", True), lambda _, relay: setattr(relay, "deaf", False)),
    "200 ms slow": (lambda _, relay: setattr(relay, "delay", 0.2), lambda _, relay: setattr(relay, "delay", 0)),
    "frozen": (
        lambda server, _: server.signal(signal.SIGSTOP),
        lambda server, _: server.signal(signal.SIGCONT),
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_fault_27_a_store_in_trouble_costs_clients_nothing(bff, redis_server, relay, shaky, steady, name):
    """No error; 60 ms more at most in the p99, and none to speak of while the store's breaker is open."""
    begin, end = TROUBLES[name]
    with unharmed(bff, [shaky, steady], affected=set(), open_time=1.0, store=POOL) as trial:
        settle(trial, redis_server)
        usual = share(trial.load([THING, CALM], RATE, 1))

        begin(redis_server, relay)
        try:
            answers = trial.load([THING, CALM], RATE, 2.5)
        finally:
            end(redis_server, relay)

        assert all(answer.whole for answer in answers)
        things, calm = parted(answers)
        hardly_slower(trial.starving, things, calm, median=0.060, p99=0.060 + usual * middle(calm))
        assert share(answers) < 1.5 * usual, "most calls find the breaker open, which costs less than a store"
        settle(trial, redis_server)


def parted(answers):
    """Return those answers that have to do with the store, and those that have not."""
    return (
        [answer for answer in answers if "thing" in answer.data],
        [answer for answer in answers if "calm" in answer.data],
    )


def middle(answers):
    """Return how many seconds *answers* took, in the middle."""
    return statistics.median(answer.seconds for answer in answers)


def share(answers):
    """Return how many times as long a call takes that has to do with the store, in the same moments."""
    things, calm = parted(answers)
    return max(1.0, middle(things) / middle(calm))


def test_fault_28_a_store_that_comes_back_empty_is_used_again(bff, redis_server, shaky, steady):
    with unharmed(bff, [shaky, steady], affected=set(), open_time=1.0, store=POOL) as trial:
        settle(trial, redis_server)
        redis_server.stop()
        assert all(answer.whole for answer in trial.load(SCREEN, RATE, 1))
        redis_server.start()

        assert keys(redis_server) < 5
        settle(trial, redis_server)


def test_fault_28_a_primary_that_became_a_replica_costs_no_answer(bff, redis_server, shaky, steady):
    """It answers READONLY to every write."""
    with unharmed(bff, [shaky, steady], affected=set(), open_time=1.0, store=POOL) as trial:
        settle(trial, redis_server)
        redis_server.command("REPLICAOF", "127.0.0.1", "1")
        try:
            answers = trial.load(SCREEN, RATE, 1)
        finally:
            redis_server.command("REPLICAOF", "NO", "ONE")

        assert all(answer.whole for answer in answers)
        settle(trial, redis_server)


def test_fault_29_a_full_store_loses_writes_and_nothing_else(bff, redis_server, shaky, steady):
    with unharmed(bff, [shaky, steady], affected=set(), open_time=1.0, store=POOL) as trial:
        settle(trial, redis_server)
        redis_server.command("CONFIG", "SET", "maxmemory", "1")
        try:
            before = keys(redis_server)
            answers = trial.load(SCREEN, RATE, 1)
            assert keys(redis_server) <= before
        finally:
            redis_server.command("CONFIG", "SET", "maxmemory", "0")

        assert all(answer.whole for answer in answers)
        assert trial.log(event="StoreFailed")
        settle(trial, redis_server)


def test_fault_28_sentinel_fails_over_and_clients_notice_nothing(
    caching_bff, shaky, steady, running, tmp_path_factory
):
    redis = Sentinels(tmp_path_factory.mktemp("sentinel"), running)
    bff = caching_bff(redis.url)
    with unharmed(bff, [shaky, steady], affected=set(), open_time=1.0, store=GROUP * POOL) as trial:
        trial.load(SCREEN, RATE, 0.5)
        assert "keys=" in redis.primary.ask("INFO", "keyspace")

        async def incident():
            load = asyncio.create_task(trial.loading([SCREEN], RATE, 5))
            await asyncio.sleep(0.5)
            await asyncio.to_thread(redis.primary.kill)
            promoted = None
            while promoted is None or time.monotonic() < promoted + 5:
                replication = await asyncio.to_thread(redis.replica.ask, "INFO", "replication")
                if promoted is None and "role:master" in replication:
                    promoted = time.monotonic()
                    size = int(await asyncio.to_thread(redis.replica.ask, "DBSIZE"))
                if promoted and int(await asyncio.to_thread(redis.replica.ask, "DBSIZE")) > size:
                    return await load
                await asyncio.sleep(0.1)
            raise AssertionError("the new primary was not used within five seconds")

        assert all(answer.whole for answer in asyncio.run(incident()))


def test_fault_28_a_node_of_a_cluster_is_lost_and_clients_notice_nothing(
    caching_bff, shaky, steady, running, tmp_path_factory
):
    redis = ThreeNodes(tmp_path_factory.mktemp("cluster"), running)
    bff = caching_bff(redis.url)
    with unharmed(bff, [shaky, steady], affected=set(), open_time=1.0, store=GROUP * POOL) as trial:
        trial.load(SCREEN, RATE, 1)
        assert all(int(node.ask("DBSIZE")) for node in redis.nodes), "every node has its part"

        async def incident():
            load = asyncio.create_task(trial.loading([SCREEN], RATE, 2))
            await asyncio.sleep(0.5)
            await asyncio.to_thread(redis.nodes[1].kill)
            return await load

        assert all(answer.whole for answer in asyncio.run(incident()))
        others = (redis.nodes[0], redis.nodes[2])
        sizes = [int(node.ask("DBSIZE")) for node in others]
        seen = bff.mark()
        assert all(answer.whole for answer in trial.load(SCREEN, RATE, 2))

        assert all(int(node.ask("DBSIZE")) > size for node, size in zip(others, sizes, strict=True))
        # Only the lost node's probes wait, one in a second; nobody else is kept waiting.
        told = ["refused=True" in line["detail"] for line in bff.log(seen, event="StoreFailed")]
        assert told.count(False) < 0.2 * told.count(True)
