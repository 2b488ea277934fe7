"""What the console shows agrees with what happened."""

import json

import pytest

from bff.codes import Code
from bff.console.live import memory
from bff.console.merge import merged
from bff.events import (
    CacheUsed,
    ErrorsTold,
    ErrorTold,
    LimiterDegraded,
    OperationFinished,
    Shed,
)


async def told(world):
    async with world.client() as client:
        return (await client.get("/admin/api/snapshot")).json()


def service(snapshot, name):
    return next(one for one in snapshot["upstreams"] if one["name"] == name)


async def test_a_process_without_upstreams_shows_an_empty_list(make_world):
    from bff.policy.load import PolicySet  # noqa: PLC0415 - only here

    snapshot = await told(make_world(policies=PolicySet()))

    assert snapshot["upstreams"] == []
    assert snapshot["operations"] == []
    assert [one["worker"] for one in snapshot["workers"]] == [0]


async def test_services_are_counted_for_the_last_minute(world):
    await told(world)
    for _ in range(3):
        await world.call()
    world.service.well = False
    await world.call()
    await world.clock.advance(1)
    world.notify(CacheUsed("catalog", "one", "hit", 5))
    snapshot = await told(world)

    catalog = service(snapshot, "catalog")
    assert catalog["counts"]["attempts"] == 4
    assert catalog["counts"]["failures"] == 1
    assert catalog["counts"]["calls"] == 4
    assert catalog["counts"]["cache.hit"] == 5
    assert sum(catalog["histogram"]) == 4
    assert catalog["p50"] >= 0
    assert service(snapshot, "reviews")["p50"] is None
    assert service(snapshot, "reviews")["alias"] == "stars"

    world.console.start()
    await world.clock.advance(120)
    later = await told(world)
    await world.console.close()
    assert service(later, "catalog")["counts"] == {}
    assert 59 <= later["window"] <= 61
    assert len(later["series"]) <= 60


async def test_operations_errors_and_refusals_are_shown(world):
    await told(world)
    world.notify(OperationFinished("r1", "Home", "query", 0.02, 1, 0))
    world.notify(OperationFinished("r2", "Home", "query", 0.02, 0, 0))
    world.notify(Shed("r3", "default", "in flight"))
    world.notify(LimiterDegraded(True))
    error = ErrorTold("e1", "r1", Code.UPSTREAM_TIMEOUT, ("me", 0), "catalog", "it took too long", None)
    world.notify(error)
    world.notify(ErrorsTold("r1", (error,)))
    await world.clock.advance(1)
    snapshot = await told(world)

    (home,) = snapshot["operations"]
    assert (home["name"], home["runs"], home["results"]) == ("Home", 2, {"partial": 1, "whole": 1})
    assert 10 <= home["p50"] <= 25
    assert snapshot["totals"]["partial"] == 1
    assert snapshot["shed"] == [["default", "in flight", 1]]
    assert snapshot["limits"]["degraded"] is True
    assert snapshot["codes"] == [["UPSTREAM_TIMEOUT", "catalog", 1]]
    assert [(one["errorId"], one["path"]) for one in snapshot["errors"]] == [("e1", "me.0")]


async def test_hosts_and_documents_are_shown(world):
    snapshot = await told(world)

    hosts = service(snapshot, "catalog")["hosts"]
    assert [(one["url"], one["state"]) for one in hosts] == [
        ("http://127.0.0.1:9001", "healthy"),
        ("http://127.0.0.1:9002", "healthy"),
    ]
    assert snapshot["documents"] == {"kept": 2, "registered": 3, "prepared": 2, "unusable": 0}
    assert snapshot["workers"][0]["phase"] == "starting"
    assert memory() > 10_000_000


async def test_policies_are_shown_with_their_origins(world):
    async with world.client() as client:
        names = (await client.get("/admin/api/policies")).json()
        values = (await client.get("/admin/api/policies/catalog")).json()["values"]
        chain = (await client.get("/admin/api/policies/catalog?endpoint=one")).json()["values"]
        missing = await client.get("/admin/api/policies/nothing")

    assert "catalog" in names["names"]
    assert {"key": "breaker.min_calls", "value": "5", "origin": "default"} in values
    assert {one["key"] for one in chain} < {one["key"] for one in values}
    assert missing.status_code == 404
    assert "catalog" in missing.json()["detail"]


@pytest.fixture
async def two(world, make_world):
    """Snapshots of two workers, of which the second has drained a host and opened a breaker."""
    other = make_world()
    for one, calls in ((world, 2), (other, 3)):
        one.console._live.note()
        for _ in range(calls):
            await one.call()
        await one.clock.advance(1)
    async with other.client() as client:
        await client.post("/admin/api/breakers", json={"upstream": "catalog", "state": "open"})
        body = {"upstream": "catalog", "host": "http://127.0.0.1:9001", "state": "drained"}
        await client.post("/admin/api/hosts", json=body)
    return {
        str(number): json.loads(json.dumps(one.console._live.snapshot(one.console._in_force())))
        for number, one in enumerate((world, other))
    }


async def test_workers_are_added_up_and_the_loudest_state_stands(two):
    together = merged(two, missing=["2"])

    catalog = service(together, "catalog")
    assert catalog["counts"]["attempts"] == 5
    assert sum(catalog["histogram"]) == 5
    assert catalog["breakers"][0]["state"] == "forced_open"
    assert catalog["breakers"][0]["otherwise"] == [0]
    assert catalog["hosts"][0]["state"] == "drained"
    assert catalog["hosts"][1]["otherwise"] == []
    assert catalog["permits"]["limit"] == 2 * two["0"]["upstreams"]["catalog"]["permits"]["limit"]
    assert together["missing"] == ["2"]
    assert [one["worker"] for one in together["workers"]] == [0, 1]


async def test_one_worker_alone_is_itself(two):
    alone = merged({"1": two["1"]})

    assert service(alone, "catalog")["counts"]["attempts"] == 3
    assert alone["window"] == two["1"]["window"]
