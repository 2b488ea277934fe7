"""Equal calls of one operation are one call, whoever leaves meanwhile."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome
from bff.upstream.shared import Shared


class Service:
    """Answers each call with the next of what it was given, once it is told to."""

    def __init__(self, *answers):
        self.calls = 0
        self.cancelled = 0
        self.known = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self._answers = list(answers)

    async def call(self, *arguments):
        self.calls += 1
        answer = self._answers.pop(0) if self._answers else arguments
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def ask(self, *arguments):
        """Ask as an endpoint does."""
        shared = self.known.get(arguments)
        if shared is None:
            shared = Shared(self.known, arguments, "catalog.dish", self.call, *arguments)
        return await shared.value()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_ask_the_same_share_one_call():
    service = Service()

    found = await asyncio.gather(service.ask("a"), service.ask("a"), service.ask("b"))

    assert found == [("a",), ("a",), ("b",)]
    assert service.calls == 2


async def test_a_value_that_is_there_is_returned_without_waiting():
    service = Service("value")
    await service.ask()

    with pytest.raises(StopIteration) as returned:
        service.ask().send(None)

    assert returned.value.value == "value"


async def test_none_is_a_value_like_any_other():
    service = Service(None)

    assert [await service.ask(), await service.ask()] == [None, None]
    assert service.calls == 1


@pytest.mark.parametrize("leaver", [0, 1])
async def test_who_leaves_does_no_harm_to_the_others(leaver):
    """DL-3, PY-10: neither the first asker nor a later one."""
    service = Service("value")
    service.gate.clear()
    askers = [asyncio.ensure_future(service.ask()) for _ in range(2)]
    await settle()

    askers[leaver].cancel()
    await settle()
    service.gate.set()

    assert await askers[1 - leaver] == "value"
    assert askers[leaver].cancelled()
    assert (service.calls, service.cancelled) == (1, 0)


async def test_the_last_one_who_leaves_ends_the_call():
    """DL-3."""
    service = Service()
    service.gate.clear()
    askers = [asyncio.ensure_future(service.ask()) for _ in range(2)]
    await settle()

    for cancelled, asker in enumerate(askers):
        assert service.cancelled == 0, cancelled
        asker.cancel()
        await settle()

    assert service.cancelled == 1
    assert service.known == {}


async def test_who_asks_after_the_last_one_left_begins_anew_at_once():
    """Not told of a cancellation that was not meant for it, though the call given up has not ended yet."""
    service = Service("given up", "anew")
    service.gate.clear()
    left = asyncio.ensure_future(service.ask())
    await settle()

    left.cancel()
    await asyncio.sleep(0)
    late = asyncio.ensure_future(service.ask())
    await settle()
    service.gate.set()

    assert await late == "anew"
    assert await service.ask() == "anew"


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_call_that_everybody_leaves_at_once_is_ended_however_far_it_came(turns):
    service = Service()
    service.gate.clear()
    asker = asyncio.ensure_future(service.ask())
    for _ in range(turns):
        await asyncio.sleep(0)

    asker.cancel()
    await settle()

    assert service.calls == service.cancelled
    assert service.known == {}


async def test_who_leaves_when_the_answer_is_there_leaves_it_to_the_others():
    service = Service("value")
    service.gate.clear()
    hasty, patient = (asyncio.ensure_future(service.ask()) for _ in range(2))
    await settle()

    service.gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    hasty.cancel()

    assert await patient == "value"
    assert service.cancelled == 0


async def test_a_failure_is_told_to_each_as_its_own_and_then_forgotten():
    """CA-12: a shared instance would collect the frames of all who raise it."""
    error = UpstreamError(Outcome.RESET, "gone", upstream="catalog")
    service = Service(error, "better now")

    first, second = await asyncio.gather(service.ask(), service.ask(), return_exceptions=True)

    assert len({id(first), id(second), id(error)}) == 3
    assert (first.outcome, first.upstream, first.detail) == (second.outcome, second.upstream, second.detail)
    assert await service.ask() == "better now"


async def test_an_error_of_another_kind_is_raised_as_it_is():
    service = Service(LookupError("no policy"))

    with pytest.raises(LookupError, match="no policy"):
        await service.ask()


async def test_a_call_that_is_cancelled_from_within_leaves_nobody_hanging():
    """F6, PD-14: askers are told of an error, never of a cancellation that is not theirs."""
    service = Service(asyncio.CancelledError())

    found = await asyncio.gather(service.ask(), service.ask(), return_exceptions=True)

    assert [error.outcome for error in found] == [Outcome.CANCELLED] * 2
    assert found[0].detail == "catalog.dish: the call was cancelled"
    assert service.known == {}


def by_shared(fetch):
    known = {}

    async def only(key):
        (value,) = await fetch([key])
        if isinstance(value, Exception):
            raise value
        return value

    async def load(keys):
        (key,) = keys
        shared = known.get(key) or Shared(known, key, "x", only, key)
        try:
            return [await shared.value()]
        except UpstreamError as error:
            return [error]

    return load


KEYS = st.sampled_from("abc")
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.lists(st.tuples(KEYS), min_size=1, max_size=3)),
    st.tuples(st.just("leave"), st.integers(0, 20)),
    st.tuples(st.just("land"), st.tuples(st.integers(0, 20), st.none() | st.just({"a"}))),
)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_shared_calls_are_those_of_a_loader_with_batches_of_one(seen_by_askers, steps):
    assert seen_by_askers(by_shared, steps) == seen_by_askers(1, steps)
