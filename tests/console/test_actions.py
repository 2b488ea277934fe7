"""What operators do reaches the pipelines, and whatever cannot be done says what can."""

import pytest

from bff.upstream.outcome import Outcome


@pytest.fixture
async def client(world):
    async with world.client() as client:
        yield client


async def act(client, what, **body):
    answer = await client.post(f"/admin/api/{what}", json=body)
    return answer.status_code, answer.json()


async def breaker_of(client, name="catalog"):
    snapshot = (await client.get("/admin/api/snapshot")).json()
    (service,) = [one for one in snapshot["upstreams"] if one["name"] == name]
    return service["breakers"][0]


async def test_cb16_a_breaker_that_is_forced_open_keeps_calls_from_the_service(world, client):
    status, told = await act(client, "breakers", upstream="catalog", state="open")

    assert (status, told["silent"]) == (200, [])
    assert "forced open" in told["done"]
    assert await world.call() is Outcome.OPEN
    assert world.service.called == []
    assert world.metrics.numbers("bff_breaker_state")["catalog", "default"] == 3
    causes = [labels[4] for labels in world.metrics.numbers("bff_breaker_transitions_total")]
    assert causes == ["forced"]


async def test_a_breaker_that_is_forced_closed_counts_and_refuses_nothing(world, client):
    await act(client, "breakers", upstream="catalog", state="closed")
    world.service.well = False

    ended = {await world.call() for _ in range(30)}

    assert ended == {Outcome.GATEWAY_ERROR}
    assert (await breaker_of(client))["failed"] == 1.0


async def test_automatic_goes_by_the_policy_again(world, client):
    for state in ("open", "automatic"):
        await act(client, "breakers", upstream="catalog", state=state)
    world.service.well = False

    ended = [await world.call() for _ in range(30)]

    assert Outcome.OPEN in ended
    told = await breaker_of(client)
    assert told["state"] == "open"
    assert told["openMs"] > 0
    assert told["failedBefore"] > 0


async def test_a_drained_host_gets_nothing_until_it_is_used_again(world, client):
    host = {"upstream": "catalog", "host": "http://127.0.0.1:9001"}
    await act(client, "hosts", **host, state="drained")
    for _ in range(40):
        await world.call()

    assert set(world.service.called) == {"http://127.0.0.1:9002"}

    await act(client, "hosts", **host, state="used")
    await world.clock.advance(60)
    for _ in range(40):
        await world.call()
    assert set(world.service.called) == {"http://127.0.0.1:9001", "http://127.0.0.1:9002"}


async def test_the_last_host_stays(client):
    await act(client, "hosts", upstream="catalog", host="http://127.0.0.1:9001", state="drained")

    status, told = await act(client, "hosts", upstream="catalog", host="http://127.0.0.1:9002", state="drained")

    assert status == 409
    assert "force its breaker open" in told["detail"]


@pytest.mark.parametrize(
    ("what", "body", "status", "hint"),
    [
        ("breakers", {"upstream": "catalgo", "state": "open"}, 404, "did you mean 'catalog'?"),
        ("breakers", {"upstream": "zzz", "state": "open"}, 404, "there are catalog, reviews"),
        ("breakers", {"upstream": "catalog", "group": "x", "state": "open"}, 404, "there are default"),
        ("breakers", {"upstream": "catalog", "state": "ajar"}, 422, "state: "),
        ("breakers", {"upstream": "catalog", "state": "open", "forever": True}, 422, "forever: "),
        (
            "hosts",
            {"upstream": "catalog", "host": "http://127.0.0.1:9009", "state": "drained"},
            404,
            "did you mean 'http://127.0.0.1:900",
        ),
        ("cache/purge", {}, 422, "Say one of"),
    ],
)
async def test_what_cannot_be_done_says_what_can(client, what, body, status, hint):
    answered, told = await act(client, what, **body)

    assert answered == status
    assert hint in told["detail"]


async def test_a_tag_is_forgotten(world, client):
    status, told = await act(client, "cache/purge", tag="menus")

    assert (status, told) == (200, {"forgotten": "tag menus", "silent": []})
    assert [one.action for one in world.acted] == ["cache/purge"]
