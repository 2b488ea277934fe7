"""One key, one act: replayed, refused while it runs, refused for another body, free again after a failure."""

import asyncio

import pytest

from bff.testing.http_message import Reply, Request
from upstreams.simulation.idempotency import Idempotency
from upstreams.simulation.web import Problem


class Act:
    """Answers with the number of times it has run, once it is let go."""

    def __init__(self) -> None:
        self.runs = 0
        self.go = asyncio.Event()

    async def __call__(self) -> Reply:
        await self.go.wait()
        self.runs += 1
        return Reply.json(self.runs, 201)


def request(body: bytes = b'{"a": 1, "b": 2}', key: str | None = "k") -> Request:
    return Request("POST", "/orders", {"idempotency-key": key} if key else {}, body)


async def test_the_same_again_gets_the_first_answer_again():
    once, act = Idempotency(), Act()
    act.go.set()
    first = await once.once(request(), 1, act)

    again = await once.once(request(b'{"b":2,"a":1}'), 1, act)

    assert again.body == first.body
    assert again.header("idempotency-replayed") == "true"
    assert act.runs == 1


async def test_while_the_first_still_runs_the_second_is_refused():
    once, act = Idempotency(), Act()
    first = asyncio.create_task(once.once(request(), 1, act))
    await asyncio.sleep(0)

    with pytest.raises(Problem) as raised:
        await once.once(request(), 1, act)

    act.go.set()
    assert (await first).status == 201
    assert raised.value.status == 409


async def test_another_body_under_the_same_key_is_refused():
    once, act = Idempotency(), Act()
    act.go.set()
    await once.once(request(), 1, act)

    with pytest.raises(Problem) as raised:
        await once.once(request(b"{}"), 1, act)

    assert raised.value.status == 422


async def test_keys_of_two_customers_are_two_keys():
    once, act = Idempotency(), Act()
    act.go.set()

    await once.once(request(), 1, act)
    await once.once(request(), 2, act)

    assert act.runs == 2


async def test_a_refusal_or_an_end_in_the_middle_leaves_the_key_free():
    once, act = Idempotency(), Act()

    async def refuse() -> Reply:
        raise Problem(409, "closed")

    with pytest.raises(Problem):
        await once.once(request(), 1, refuse)
    interrupted = asyncio.create_task(once.once(request(), 1, act))
    await asyncio.sleep(0)
    interrupted.cancel()
    await asyncio.wait([interrupted])
    act.go.set()

    assert (await once.once(request(), 1, act)).status == 201


async def test_a_quoted_key_is_the_bare_one():
    once, act = Idempotency(), Act()
    act.go.set()
    await once.once(request(key="k"), 1, act)

    assert (await once.once(request(key='"k"'), 1, act)).header("idempotency-replayed") == "true"


@pytest.mark.parametrize("key", ["a b", "x" * 256, "é", '"'])
async def test_a_malformed_key_is_refused(key):
    with pytest.raises(Problem) as raised:
        await Idempotency().once(request(key=key), 1, Act())

    assert raised.value.status == 400


async def test_without_a_key_everything_acts():
    once, act = Idempotency(), Act()
    act.go.set()

    await once.once(request(key=None), 1, act)
    await once.once(request(key=None), 1, act)

    assert act.runs == 2
