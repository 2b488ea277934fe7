"""Every service built on the kit can be broken, watched and healed over HTTP."""

import httpx
import pytest

from bff.testing import fault_kinds as kinds


@pytest.fixture
async def client(dishes):
    async with httpx.AsyncClient(base_url=dishes.url, timeout=2) as client:
        yield client


async def test_faults_are_added_listed_replaced_and_cleared(client):
    empty = (await client.get("/__faults")).json()
    added = (await client.post("/__faults", json={"kind": "status", "status": 500})).json()
    two = (await client.post("/__faults", json=[{"kind": "drip", "duration": 60}])).json()
    broken = (await client.get("/dishes/d1")).status_code
    listed = (await client.get("/__faults")).json()
    replaced = (await client.put("/__faults", json=[{"kind": "status"}])).json()
    cleared = await client.delete("/__faults")

    assert empty == []
    assert added == [{"kind": "status", "status": 500, "hits": 0}]
    assert [each["kind"] for each in two] == ["status", "drip"]
    assert 0 < two[1]["left"] <= 60
    assert (broken, listed[0]["hits"], listed[1]["hits"]) == (500, 1, 0)
    assert replaced == [{"kind": "status", "hits": 0}]
    assert (cleared.status_code, (await client.get("/__faults")).json()) == (204, [])
    assert (await client.get("/dishes/d1")).status_code == 200


async def test_no_fault_hits_the_control_endpoint(client, dishes):
    """What breaks a service must not keep it from being healed."""
    required = {kinds.Latency: {"seconds": 60}}
    for kind in kinds.KINDS.values():
        if kind in kinds.BEFORE_REQUEST:
            continue
        dishes.clear()
        dishes.trouble(kind(**required.get(kind, {})))

        assert (await client.get("/__faults")).status_code == 200


async def test_what_cuts_off_the_control_endpoint_must_end_by_itself(client):
    answer = await client.post("/__faults", json={"kind": "refuse"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/duration"


async def test_a_second_port_survives_a_refused_first(fake_upstream):
    fake = await fake_upstream(control_port=0)
    fake.on("GET", "/", json=1)
    async with (
        httpx.AsyncClient(base_url=fake.control_url) as control,
        httpx.AsyncClient(base_url=fake.url) as client,
    ):
        before = await control.put("/__faults", json={"kind": "refuse"})
        with pytest.raises(httpx.ConnectError):
            await client.get("/")
        await control.delete("/__faults")

        assert before.status_code == 200
        assert (await client.get("/")).status_code == 200
        assert (await control.get("/")).status_code == 404


async def test_refusal_asked_for_over_the_port_itself_is_answered_first(client, dishes):
    """The reply to the request that closes the port still comes."""
    answer = await client.post("/__faults", json={"kind": "refuse", "duration": 60})

    assert answer.status_code == 200
    with pytest.raises(httpx.ConnectError):
        await client.get("/dishes/d1")


async def test_one_mistake_changes_nothing_and_all_are_named(client):
    await client.put("/__faults", json={"kind": "status"})

    answer = await client.put(
        "/__faults", json=[{"kind": "drip"}, {"kind": "latncy"}, {"kind": "drip", "byte": 1}]
    )

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"] == [
        {"pointer": "/1/kind", "detail": "'latncy' is unknown; did you mean 'latency'?"},
        {"pointer": "/2/byte", "detail": "unknown; did you mean 'bytes'?"},
    ]
    assert len((await client.get("/__faults")).json()) == 1


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status"),
    [
        ("PUT", "/__faults", {"content-type": "application/json"}, "{", 400),
        ("PUT", "/__faults", {"content-type": "text/plain"}, "[]", 415),
        ("POST", "/__faults", {}, "[]", 415),
        ("PATCH", "/__faults", {}, "", 405),
        ("DELETE", "/__stats", {}, "", 405),
    ],
)
async def test_what_the_endpoint_does_not_take(client, method, path, headers, content, status):
    answer = await client.request(method, path, headers=headers, content=content)

    assert answer.status_code == status


async def test_stats_count_by_method_and_template(client, dishes):
    dishes.on("POST", "/dishes", status=201)
    for path in ("/dishes/d1", "/dishes/d2", "/nowhere/1", "/nowhere/2"):
        await client.get(path)
    await client.post("/dishes")

    stats = (await client.get("/__stats")).json()

    assert stats["arrivals"] == {"GET (no route)": 2, "GET /dishes/{id}": 2, "POST /dishes": 1}
    assert stats["openConnections"] == stats["acceptedConnections"] == 1
