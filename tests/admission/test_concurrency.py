"""How many at once: places here, and leases among processes (RL-20)."""

import asyncio
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.admission.concurrency import LocalPlaces, SharedPlaces
from bff.server.refusal import Refusal
from bff.store import StoreUnavailable


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=100))
def test_never_more_places_than_there_are(steps):
    places, held = LocalPlaces(), {"a": [], "b": []}
    for key, comes in steps:
        if comes:
            leave, full = places.take(key, 3, enforced=True)
            assert full is (len(held[key]) == 3)
            assert (leave is None) is full
            held[key] += [leave] if leave else []
        elif held[key]:
            held[key].pop()()

    assert len(places) == len(held["a"]) + len(held["b"])


def test_where_it_is_only_measured_everybody_gets_a_place():
    places = LocalPlaces()

    taken = [places.take("k", 1, enforced=False) for _ in range(3)]

    assert [full for _, full in taken] == [False, True, True]
    for leave, _ in taken:
        leave()
    assert len(places) == 0


@pytest.fixture
async def shared(shared_redis, open_store):
    """A function that makes one process's places."""
    shared_redis.command("FLUSHALL")
    made, numbers = [], count()

    def make(lease=60.0, store=None, share=1):
        store = store or open_store(shared_redis.url)
        made.append(
            SharedPlaces(store, LocalPlaces(), lease=lease, share=share, new_id=lambda: f"{next(numbers)}")
        )
        return made[-1]

    yield make
    for places in made:
        await places.close()


async def test_rl20_processes_share_places(shared):
    one, other = shared(), shared()

    taken = [await places.take("{v1}k", 3, enforced=True) for places in (one, other, one, other)]
    taken[1][0]()
    await other.close()
    after = await one.take("{v1}k", 3, enforced=True)

    assert [full for _, full in taken] == [False, False, False, True]
    assert taken[3][0] is None
    assert after == (after[0], False)


async def test_rl20_the_leases_of_a_process_that_died_lapse(shared):
    one, other = shared(lease=0.05), shared()
    await one.take("{v1}k", 1, enforced=True)
    assert (await other.take("{v1}k", 1, enforced=True))[1]

    await asyncio.sleep(0.06)

    assert not (await other.take("{v1}k", 1, enforced=True))[1]


async def test_parallel_requests_get_the_places_there_are(shared):
    one, other = shared(), shared()

    taken = await asyncio.gather(*(places.take("{v1}k", 5, enforced=True) for places in [one, other] * 20))

    assert sum(leave is not None for leave, _ in taken) == 5


async def test_without_redis_each_process_has_its_share_of_places(shared):
    class Down:
        async def evaluate(self, script, keys, args):
            raise StoreUnavailable("down")

    places = shared(store=Down(), share=4)

    taken = [await places.take("k", 8, enforced=True) for _ in range(3)]
    taken[0][0]()
    again = await places.take("k", 8, enforced=True)

    assert [full for _, full in taken] == [False, False, True]
    assert not again[1]


async def test_policy_chooses_the_shared_ones(gate, arrival, user, ask, shared_redis, open_store):
    shared_redis.command("FLUSHALL")
    limits = {"concurrency": {"max": 1, "shared": True}}
    one, other = (gate(limits=limits, store=open_store(shared_redis.url)) for _ in range(2))
    entry = await one.admission.enter(arrival(), user(), ask())

    with pytest.raises(Refusal, match="Only 1 operations"):
        await other.admission.enter(arrival(), user(), ask())
    entry.leave()
    await one.close()
    (await other.admission.enter(arrival(), user(), ask())).leave()
    await other.close()
