"""A batch that fails whole is asked for in halves, where policy says so (RT-11)."""

import msgspec
import pytest

from bff.events import Retrying, RetrySuppressed
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

Thing = msgspec.defstruct("Thing", [("id", str)])
catalog = Upstream("catalog")
things = catalog.batch("/things", ids="ids", returns=list[Thing], key="id", max_keys=100, name="things")

SPLIT = {"retry": {"split_on": ["TOO_LARGE"], "budget": {"ratio": "100%", "reserve": 100}}}


def keys_of(request):
    return request.target.partition("ids=")[2].split(",")


@pytest.fixture
def service(make_reply):
    """Return a function that makes a service which answers so many keys at most, and never poisonous ones."""

    def make(most, poison=(), **headers):
        def answer(request):
            keys = keys_of(request)
            if len(keys) > most or set(keys) & set(poison):
                return UpstreamError(Outcome.TOO_LARGE, "much")
            return make_reply([{"id": key} for key in keys], **headers)

        return answer

    return make


async def ask(world, count):
    keys = [str(number) for number in range(count)]
    return keys, await things.many(world.context(things), keys)


async def test_a_batch_too_large_is_asked_for_in_halves_until_they_fit(make_world, service):
    """RT-11: each part counts as a repetition."""
    world = make_world(SPLIT)
    world.transport.answer = service(2)

    keys, found = await ask(world, 8)

    assert [one.id for one in found] == keys
    assert [len(keys_of(request)) for request in world.transport.requests] == [8, 4, 4, 2, 2, 2, 2]
    repeats = [event for event in world.events if isinstance(event, Retrying)]
    assert [event.attempt for event in repeats] == [2, 2, 3, 3, 3, 3], "each part counts as a repetition"
    sent = [request.headers["x-attempt-count"] for request in world.transport.requests]
    assert sent == ["1", "2", "2", "3", "3", "3", "3"]


async def test_only_the_keys_of_a_part_that_never_fits_fail(make_world, service):
    world = make_world(SPLIT)
    world.transport.answer = service(100, poison=["3"])

    _, found = await ask(world, 8)

    assert [number for number, one in enumerate(found) if isinstance(one, UpstreamError)] == [3]


async def test_rt_11_an_error_of_one_key_is_not_repeated(make_world, make_reply):
    world = make_world(SPLIT)
    world.transport.answer = lambda request: make_reply([{"id": "0"}, {"id": 1}])

    _, found = await ask(world, 2)

    assert (found[0].id, found[1].outcome) == ("0", Outcome.BAD_PAYLOAD)
    assert len(world.transport.requests) == 1


async def test_without_policy_a_batch_fails_whole(make_world, service):
    world = make_world()
    world.transport.answer = service(2)

    _, found = await ask(world, 8)

    assert {one.outcome for one in found} == {Outcome.TOO_LARGE}
    assert len(world.transport.requests) == 1


async def test_parts_draw_from_the_budget(make_world, service):
    """Halving never adds more load than repeating may."""
    world = make_world({"retry": {"split_on": ["TOO_LARGE"], "budget": {"ratio": "0%", "reserve": 0}}})
    world.transport.answer = service(2)

    _, found = await ask(world, 8)

    assert {one.suppressed for one in found} == {"budget"}
    assert len(world.transport.requests) == 1
    assert any(isinstance(event, RetrySuppressed) for event in world.events)


async def test_what_came_in_parts_is_kept_key_by_key(make_world, service):
    world = make_world(SPLIT)
    world.transport.answer = service(2, **{"cache-control": "max-age=60"})

    await ask(world, 4)
    asked = len(world.transport.requests)
    _, found = await ask(world, 4)

    assert len(found) == 4
    assert len(world.transport.requests) == asked


async def test_a_key_that_failed_takes_the_default_of_the_policy(make_world, service):
    world = make_world({**SPLIT, "fallback": {"on_failure": "default", "default": {"id": "none"}}})
    world.transport.answer = service(100, poison=["1"])

    _, found = await ask(world, 4)

    assert [one.id for one in found] == ["0", "none", "2", "3"]
