"""Equal calls under way at the same time are made once; whoever leaves harms nobody."""

import asyncio

import msgspec
import pytest

from bff.events import Coalesced
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

catalog = Upstream("catalog")
thing = catalog.get("/thing{?x}", returns=msgspec.Raw, name="thing")
change = catalog.post("/thing", returns=msgspec.Raw, name="change")


class Gate:
    """Holds answers back until it is opened, and counts who was cancelled."""

    def __init__(self, make_reply, body="ok"):
        self.reply = make_reply(body)
        self.open = asyncio.Event()
        self.cancelled = 0

    def __call__(self, _):
        return self._answer()

    async def _answer(self):
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.reply


@pytest.fixture
def gate(world, make_reply):
    world.transport.answer = Gate(make_reply)
    return world.transport.answer


async def start(*calls):
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0.01)
    return tasks


async def test_equal_calls_of_many_operations_are_one(world, gate):
    """CA-12: across operations, not only within one."""
    tasks = await start(*(thing(world.context(thing)) for _ in range(50)))
    gate.open.set()

    assert [bytes(one) for one in await asyncio.gather(*tasks)] == [b'"ok"'] * 50
    assert len(world.transport.requests) == 1
    assert sum(isinstance(event, Coalesced) for event in world.events) == 49


async def test_whoever_asks_as_somebody_else_makes_a_call_of_their_own(make_world, make_reply):
    """Everything that may change the answer is in the key."""
    world = make_world({"forward": {"headers": ["authorization", "accept-language", "traceparent"]}})
    world.transport.answer = gate = Gate(make_reply)
    headers = [
        {},
        {"authorization": "a"},
        {"authorization": "b"},
        {"accept-language": "nl"},
        {"authorization": "a", "traceparent": "00-1"},
    ]
    tasks = await start(*(thing(world.context(thing, headers=one)) for one in headers))
    gate.open.set()
    await asyncio.gather(*tasks)

    assert len(world.transport.requests) == 4


async def test_a_call_survives_the_one_who_began_it(world, gate):
    """DL-3: it goes on while at least one waiter remains."""
    first, second = await start(thing(world.context(thing)), thing(world.context(thing)))
    first.cancel()
    await asyncio.wait([first])
    gate.open.set()

    assert bytes(await second) == b'"ok"'
    assert gate.cancelled == 0


async def test_a_call_ends_with_its_last_waiter(world, gate):
    """DL-3, DL-10."""
    tasks = await start(thing(world.context(thing)), thing(world.context(thing)))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.sleep(0.01)

    assert gate.cancelled == 1


async def test_one_waiter_times_out_and_the_other_gets_the_value(world, gate):
    """T-DL-e, whichever of them came first."""
    for order in (0.08, 5.0), (5.0, 0.08):
        gate.open.clear()
        tasks = dict(
            zip(order, await start(*(thing(world.context(thing, seconds=s)) for s in order)), strict=True)
        )
        with pytest.raises(UpstreamError) as told:
            await tasks[0.08]
        gate.open.set()

        assert told.value.phase == "operation"
        assert bytes(await tasks[5.0]) == b'"ok"'


async def test_each_waiter_gets_an_error_of_its_own(world):
    """CA-12: a shared exception would collect the frames of all."""

    async def fail(_):
        await asyncio.sleep(0.02)
        raise UpstreamError(Outcome.TOO_LARGE, "much")

    world.transport.answer = fail
    tasks = await start(*(thing(world.context(thing)) for _ in range(3)))
    errors = await asyncio.gather(*tasks, return_exceptions=True)

    assert {error.outcome for error in errors} == {Outcome.TOO_LARGE}
    assert len({id(error) for error in errors}) == 3
    assert len(world.transport.requests) == 1


async def test_nobody_joins_a_call_from_before_a_change(world, gate, make_reply):
    """Who has changed something and then reads it must not be told what was before."""
    (before,) = await start(thing(world.context(thing)))
    slow, world.transport.answer = world.transport.answer, lambda _: make_reply("new")
    await change(world.context(change))

    after = await thing(world.context(thing))
    slow.open.set()

    assert bytes(after) == b'"new"'
    assert bytes(await before) == b'"ok"'


@pytest.mark.parametrize("cache", [{"scope": "off"}, {"coalesce": False}])
async def test_policy_may_turn_it_off(make_world, make_reply, cache):
    world = make_world({"cache": cache})
    world.transport.answer = gate = Gate(make_reply)
    tasks = await start(*(thing(world.context(thing)) for _ in range(3)))
    gate.open.set()
    await asyncio.gather(*tasks)

    assert len(world.transport.requests) == 3


async def test_changes_are_never_one(world, gate):
    tasks = await start(*(change(world.context(change)) for _ in range(3)))
    gate.open.set()
    await asyncio.gather(*tasks)

    assert len(world.transport.requests) == 3
