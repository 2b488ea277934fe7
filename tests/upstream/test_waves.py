"""Keys of one moment travel together, and one asker's leaving harms nobody else."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome
from bff.upstream.waves import Waves


class Service:
    """Answers batches when it is told to, and remembers what it was asked."""

    def __init__(self, max_keys=100, **answers):
        self.batches = []
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._answers = answers
        self._waves = Waves(self.fetch, name="catalog.dishes", max_keys=max_keys)

    async def fetch(self, keys):
        self.batches.append(list(keys.values()))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return [self._answers.get(text, f"value of {text}") for text in keys]

    def load(self, *keys):
        return self._waves.load(keys, list(map(str, keys)))


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_keys_of_one_moment_travel_together_and_only_once():
    service = Service()

    found = await asyncio.gather(service.load("a"), service.load("b", "a"), service.load("c"))

    assert found == [["value of a"], ["value of b", "value of a"], ["value of c"]]
    assert service.batches == [["a", "b", "c"]]


async def test_who_asks_one_turn_of_the_loop_later_travels_along():
    """PY-13: a resolver that had to be woken first asks at the same moment all the same."""
    service = Service()

    async def late():
        await asyncio.sleep(0)
        return await service.load("b")

    await asyncio.gather(service.load("a"), late())

    assert service.batches == [["a", "b"]]


async def test_who_asks_while_keys_are_under_way_waits_for_them_and_sends_the_others():
    service = Service()
    service.gate.clear()
    first = asyncio.ensure_future(service.load("a", "b"))
    await settle()
    second = asyncio.ensure_future(service.load("c", "b"))
    await settle()
    service.gate.set()

    assert await second == ["value of c", "value of b"]
    assert await first == ["value of a", "value of b"]
    assert service.batches == [["a", "b"], ["c"]]


async def test_keys_that_are_there_are_returned_without_waiting():
    service = Service()
    await service.load("a", "b")

    with pytest.raises(StopIteration) as returned:
        service.load("b", "a", "b").send(None)

    assert returned.value.value == ["value of b", "value of a", "value of b"]
    assert service.batches == [["a", "b"]]


async def test_only_keys_that_are_not_there_are_asked_for():
    service = Service()
    await service.load("b")

    assert await service.load("a", "b", "c") == ["value of a", "value of b", "value of c"]
    assert service.batches == [["b"], ["a", "c"]]


async def test_no_keys_are_no_request():
    service = Service()

    assert await service.load() == []
    assert service.batches == []


async def test_requests_are_split_at_the_services_maximum():
    service = Service(max_keys=2)

    found = await asyncio.gather(service.load("a", "b", "c"), service.load("c", "d", "e"))

    assert found[1] == ["value of c", "value of d", "value of e"]
    assert service.batches == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize("keys", [(1, "1"), ("1", 1)])
async def test_equal_texts_are_one_key_written_as_it_was_first(keys):
    """PY-11: "1" and 1 are the same dish."""
    service, others = Service(), Service()

    await service.load(*keys)
    await asyncio.gather(others.load(keys[0]), others.load(keys[1]))

    assert service.batches == others.batches == [[keys[0]]]


async def test_a_waiter_that_leaves_does_not_take_the_others_with_it():
    """T-DL-e, PY-10."""
    service = Service()
    service.gate.clear()
    patient, hasty = asyncio.ensure_future(service.load("a")), asyncio.ensure_future(service.load("a", "b"))
    await settle()

    hasty.cancel()
    await settle()
    service.gate.set()

    assert await patient == ["value of a"]
    assert hasty.cancelled()
    assert service.cancelled == 0
    assert await service.load("b") == ["value of b"]
    assert len(service.batches) == 1, "what came for those who left is kept"


async def test_a_request_that_nobody_waits_for_is_cancelled():
    """DL-3: the last waiter to leave ends the call."""
    service = Service()
    service.gate.clear()
    waiters = [asyncio.ensure_future(service.load(key)) for key in "ab"]
    await settle()

    for left, waiter in enumerate(waiters):
        assert service.cancelled == 0, left
        waiter.cancel()
        await settle()

    assert service.cancelled == 1


async def test_only_those_parts_of_a_split_request_are_cancelled_that_nobody_waits_for():
    service = Service(max_keys=2)
    service.gate.clear()
    leaver, stayer = asyncio.ensure_future(service.load("a", "b")), asyncio.ensure_future(service.load("c"))
    await settle()

    leaver.cancel()
    await settle()
    assert service.cancelled == 1
    service.gate.set()

    assert await stayer == ["value of c"]


async def test_who_was_told_of_a_failure_does_not_keep_the_next_try_alive():
    """DL-3: it waits for its other keys alone."""
    gates = [asyncio.get_running_loop().create_future() for _ in range(3)]
    requests = iter(gates)
    waves = Waves(lambda keys: next(requests), name="x", max_keys=1)
    first = asyncio.ensure_future(waves.load(["a", "b"], ["a", "b"]))
    await settle()
    gates[0].set_exception(UpstreamError(Outcome.RESET, "gone"))
    await settle()
    second = asyncio.ensure_future(waves.load(["a"], ["a"]))
    await settle()

    second.cancel()
    await settle()
    gates[1].set_result(["value of b"])

    assert gates[2].cancelled()
    assert (await first)[1] == "value of b"


async def test_keys_whose_askers_left_before_the_request_are_not_asked_for():
    service = Service()
    left, stays = asyncio.ensure_future(service.load("a", "b")), asyncio.ensure_future(service.load("b", "c"))
    await asyncio.sleep(0)
    left.cancel()

    assert await stays == ["value of b", "value of c"]
    assert service.batches == [["b", "c"]]


async def test_no_request_is_made_when_all_left_before():
    service = Service()
    left = asyncio.ensure_future(service.load("a"))
    await asyncio.sleep(0)
    left.cancel()
    await settle()

    assert service.batches == []
    assert await service.load("a") == ["value of a"]


async def test_a_key_that_was_given_up_can_be_asked_for_at_once():
    """Also before the request that was given up has ended."""
    service = Service()
    service.gate.clear()
    left = asyncio.ensure_future(service.load("a"))
    await settle()
    left.cancel()
    await asyncio.sleep(0)
    late = asyncio.ensure_future(service.load("a"))
    await settle()
    service.gate.set()

    assert await late == ["value of a"]


async def test_a_request_that_was_given_up_and_comes_back_all_the_same_changes_nothing():
    answers = asyncio.Queue()

    async def stubborn(keys):
        try:
            return [await answers.get()]
        except asyncio.CancelledError:
            return ["too late"]

    waves = Waves(stubborn, name="x", max_keys=1)
    left = asyncio.ensure_future(waves.load(["a"], ["a"]))
    await settle()
    left.cancel()
    late = asyncio.ensure_future(waves.load(["a"], ["a"]))
    await settle()
    answers.put_nowait("in time")

    assert await late == ["in time"]
    assert await waves.load(["a"], ["a"]) == ["in time"]


async def test_an_error_for_one_key_hits_that_key_only_and_is_forgotten():
    error = UpstreamError(Outcome.BAD_PAYLOAD, "broken")
    service = Service(b=error)

    (a, first), (second,) = await asyncio.gather(service.load("a", "b"), service.load("b"))

    assert a == "value of a"
    assert len({id(first), id(second), id(error)}) == 3, "CA-12: each its own"
    assert first.outcome is second.outcome is Outcome.BAD_PAYLOAD
    await service.load("a", "b")
    assert service.batches == [["a", "b"], ["b"]]


@pytest.mark.parametrize(
    ("raised", "told"), [(LookupError("no policy"), LookupError), (asyncio.CancelledError(), UpstreamError)]
)
async def test_a_request_that_fails_whole_is_told_for_each_key(raised, told):
    """F6: also one that is cancelled from within leaves nobody hanging."""

    async def failing(keys):
        raise raised

    found = await Waves(failing, name="catalog.dishes", max_keys=10).load(["a", "b"], ["a", "b"])

    assert list(map(type, found)) == [told, told]


async def test_too_few_values_are_an_error_rather_than_the_wrong_ones():
    async def wrong(keys):
        return ["only one"]

    found = await Waves(wrong, name="x", max_keys=10).load(["a", "b"], ["a", "b"])

    assert list(map(type, found)) == [ValueError, ValueError]


def by_waves(max_keys):
    def make(fetch):
        waves = Waves(lambda keys: fetch(list(keys.values())), name="x", max_keys=max_keys)
        return lambda keys: waves.load(keys, list(map(str, keys)))

    return make


KEYS = st.one_of(st.integers(0, 5), st.integers(0, 5).map(str))
ASK = st.tuples(st.just("ask"), st.lists(st.lists(KEYS, max_size=5), min_size=1, max_size=3))
LEAVE = st.tuples(st.just("leave"), st.integers(0, 20))
LAND = st.tuples(st.just("land"), st.tuples(st.integers(0, 20), st.just(())))
FAIL = st.tuples(
    st.just("land"), st.tuples(st.integers(0, 20), st.none() | st.sets(st.integers(0, 5).map(str), max_size=2))
)
STEPS = st.lists(ASK | LEAVE | LAND, max_size=12) | st.lists(ASK | LAND | FAIL, max_size=12)
"""Leaving after failures is told apart below: a loader counts whoever was told a failure as still waiting."""


@settings(deadline=None)
@given(STEPS, st.integers(1, 4))
def test_waves_ask_for_and_return_what_a_loader_of_single_keys_does(seen_by_askers, steps, max_keys):
    assert seen_by_askers(by_waves(max_keys), steps) == seen_by_askers(max_keys, steps)
