"""Keys are collected, and one asker's leaving harms nobody else."""

import asyncio

import pytest

from bff.upstream.errors import UpstreamError
from bff.upstream.loader import Loader, LoaderOutsideOperation, WrongBatch
from bff.upstream.outcome import Outcome


class Service:
    """Answers batches when it is told to, and remembers what it was asked."""

    def __init__(self, **answers):
        self.batches = []
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._answers = answers

    async def __call__(self, keys):
        self.batches.append(keys)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return [self._answers.get(key, f"value of {key}") for key in keys]


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_keys_of_one_moment_travel_together_and_only_once():
    service = Service()
    loader = Loader(service, name="catalog.dishes")

    found = await asyncio.gather(loader.load("a"), loader.load_many(["b", "a"]), loader.load("c"))

    assert found == ["value of a", ["value of b", "value of a"], "value of c"]
    assert service.batches == [["a", "b", "c"]]


async def test_a_key_loaded_before_is_not_asked_again():
    service = Service()
    loader = Loader(service, name="catalog.dishes")

    await loader.load("a")
    await loader.load_many(["a", "b"])

    assert service.batches == [["a"], ["b"]]


async def test_batches_are_split_at_the_services_maximum():
    service = Service()
    loader = Loader(service, name="catalog.dishes", max_keys=2)

    await loader.load_many(["a", "b", "c"])

    assert service.batches == [["a", "b"], ["c"]]


async def test_equal_identities_are_one_key():
    """PY-11: "1" and 1 are the same dish."""
    service = Service()
    loader = Loader(service, name="catalog.dishes", identify=str)

    await loader.load_many([1, "1"])

    assert service.batches == [[1]]


async def test_a_waiter_that_times_out_does_not_take_the_others_with_it():
    """T-DL-e, PY-10: on its own aiodataloader cancels the shared future."""
    service = Service()
    service.gate.clear()
    loader = Loader(service, name="catalog.dishes")
    patient = asyncio.ensure_future(loader.load("a"))
    hasty = asyncio.ensure_future(loader.load("a"))
    await settle()

    hasty.cancel()
    await settle()
    service.gate.set()

    assert await patient == "value of a"
    assert hasty.cancelled()
    assert service.cancelled == 0


async def test_a_batch_that_nobody_waits_for_is_cancelled():
    """DL-3: the last waiter to leave ends the call."""
    service = Service()
    service.gate.clear()
    loader = Loader(service, name="catalog.dishes")
    waiters = [asyncio.ensure_future(loader.load(key)) for key in "ab"]
    await settle()

    waiters[0].cancel()
    await settle()
    assert service.cancelled == 0
    waiters[1].cancel()
    await settle()

    assert service.cancelled == 1


async def test_keys_whose_askers_left_before_the_batch_are_not_asked_for():
    service = Service()
    loader = Loader(service, name="catalog.dishes")
    left, stays = asyncio.ensure_future(loader.load("a")), asyncio.ensure_future(loader.load("b"))
    await asyncio.sleep(0)
    left.cancel()

    assert await stays == "value of b"
    assert service.batches == [["b"]]


async def test_a_key_that_was_given_up_can_be_loaded_again():
    service = Service()
    service.gate.clear()
    loader = Loader(service, name="catalog.dishes")
    left = asyncio.ensure_future(loader.load("a"))
    await settle()
    left.cancel()
    await settle()
    service.gate.set()

    assert await loader.load("a") == "value of a"


async def test_an_error_for_one_key_hits_that_key_only():
    service = Service(b=UpstreamError(Outcome.BAD_PAYLOAD, "broken"))
    loader = Loader(service, name="catalog.dishes")

    a, b = await loader.load_many(["a", "b"])

    assert a == "value of a"
    assert isinstance(b, UpstreamError)


async def test_each_waiter_gets_an_error_of_its_own():
    """CA-12: a shared instance would collect the frames of all who raise it."""
    error = UpstreamError(Outcome.RESET, "gone", upstream="catalog")
    loader = Loader(Service(a=error), name="catalog.dishes")

    (first,), (second,) = await asyncio.gather(loader.load_many(["a"]), loader.load_many(["a"]))

    assert first is not second
    assert (first.outcome, first.upstream, first.detail) == (second.outcome, second.upstream, second.detail)


async def test_a_failure_is_forgotten_so_that_a_later_wave_may_try_again():
    answers = [UpstreamError(Outcome.RESET, "gone"), "better now"]

    async def flaky(keys):
        return [answers.pop(0) for _ in keys]

    loader = Loader(flaky, name="catalog.dishes")
    with pytest.raises(UpstreamError):
        await loader.load("a")

    assert await loader.load("a") == "better now"


async def test_a_batch_that_is_cancelled_from_within_leaves_nobody_hanging():
    """F6: aiodataloader would let every waiter wait for ever."""

    async def cancelled(keys):
        raise asyncio.CancelledError

    loader = Loader(cancelled, name="catalog.dishes")

    with pytest.raises(UpstreamError) as told:
        await loader.load("a")
    assert told.value.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("returned", [["only one"], "ab", None, {"a": 1}])
async def test_a_wrong_shaped_batch_names_the_function_and_the_fix(returned):
    async def wrong(keys):
        return returned

    loader = Loader(wrong, name="resolvers.orders.dish")

    results = await loader.load_many(["a", "b", "c"])

    assert {type(result) for result in results} == {WrongBatch}
    assert "resolvers.orders.dish returned" in str(results[0])
    assert "one value, None or an exception for each key" in str(results[0])


def test_a_loader_made_at_import_time_is_a_clear_error():
    """Lesson of shared loaders: they leak one user's data to another."""
    with pytest.raises(LoaderOutsideOperation) as refused:
        Loader(Service.__call__, name="catalog.dishes")

    assert "call the endpoint with a context instead" in str(refused.value)
