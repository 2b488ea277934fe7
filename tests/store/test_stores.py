"""Both stores keep the same promises: the one in the process and the one in Redis."""

import asyncio

import pytest

from bff.clock import SystemClock
from bff.store.memory import MemoryStore
from bff.testing.virtual_clock import VirtualClock

pytestmark = pytest.mark.xdist_group("redis")


@pytest.fixture(params=["memory", "redis"])
def store(request, open_store):
    if request.param == "memory":
        return MemoryStore(SystemClock())
    return open_store(request.getfixturevalue("redis_server").url)


async def test_values_are_read_as_written_and_forgotten(store):
    await store.set({"a": b"\0\xff", "b": b""}, 60)

    assert await store.get(["a", "absent", "b"]) == {"a": b"\0\xff", "absent": None, "b": b""}
    await store.delete(["a"])
    assert await store.get(["a", "b"]) == {"a": None, "b": b""}
    assert await store.get([]) == {}


async def test_values_lapse(store):
    await store.set({"a": b"1"}, 0.02)
    await asyncio.sleep(0.05)

    assert await store.get(["a"]) == {"a": None}


async def test_a_counter_counts_and_lapses_after_its_first_use(store):
    assert [await store.add("n", 2, 0.05) for _ in range(3)] == [2, 4, 6]
    await asyncio.sleep(0.08)
    assert await store.add("n", 1, 0.05) == 1


async def test_a_lease_has_one_holder_until_it_is_released_or_lapses(store):
    """CA-13: released by compare-and-delete."""
    token = await store.acquire("lease", 60)

    assert token
    assert await store.acquire("lease", 60) is None
    await store.release("lease", "somebody else's")
    assert await store.acquire("lease", 60) is None
    await store.release("lease", token)
    short = await store.acquire("lease", 0.03)
    await asyncio.sleep(0.06)
    assert await store.acquire("lease", 60) not in {None, short}


async def test_a_forgotten_tag_has_a_generation_it_never_had(store):
    """CA-17."""
    seen = [tuple((await store.generations(["a", "b"])).values())]
    for tags in ["a"], ["a", "b"], ["b"]:
        await store.forget(tags)
        seen.append(tuple((await store.generations(["a", "b"])).values()))

    assert seen[0] == (0, 0)
    assert len({a for a, _ in seen}) == len({b for _, b in seen}) == 3


async def test_the_store_in_the_process_has_bounds():
    """CA-11: what was longest unused makes room."""
    store = MemoryStore(VirtualClock(), max_entries=2)
    await store.set({"a": b"", "b": b""}, 60)
    await store.get(["a"])
    await store.set({"c": b""}, 60)

    assert await store.get(["a", "b", "c"]) == {"a": b"", "b": None, "c": b""}
    small = MemoryStore(VirtualClock(), max_bytes=1000)
    await small.set({str(number): b"x" * 300 for number in range(5)}, 60)
    assert (await small.stats())["bytes"] <= 1000
