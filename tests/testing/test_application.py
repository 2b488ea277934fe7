"""An application in the process of its test, in front of services of the test's."""

from pathlib import Path

import pytest

from bff.settings import SettingsError
from bff.testing import Application
from bff.testing.fault_kinds import Status

ROOT = Path(__file__).parents[2]
OFFERS = "{ offers { title } }"
OFFER = {
    "id": "p1",
    "title": "Two for one",
    "code": "TWO",
    "discountPercent": 50,
    "endsAt": "2026-12-01T00:00:00Z",
    "restaurantId": None,
}


@pytest.fixture
async def promotions(fake_upstream):
    service = await fake_upstream()
    service.on("GET", "/offers", json=[OFFER])
    return service


async def test_it_asks_the_services_of_the_test_under_its_own_policies(promotions):
    """The policy of promotions gives an empty list where the service fails."""
    async with Application({"promotions": promotions.url}, directory=ROOT) as app:
        whole = await app.ask(OFFERS)
        promotions.trouble(Status(503))
        degraded = await app.ask("{ offers(segment: GOLD) { title } }")

    assert (whole.status, whole.data, whole.errors) == (200, {"offers": [{"title": "Two for one"}]}, [])
    assert whole.headers["content-type"].startswith("application/")
    assert degraded.data == {"offers": []}
    assert [note["source"] for note in degraded.degraded] == ["default"]


async def test_a_service_that_the_test_does_not_speak_for_is_not_reached(promotions):
    async with Application({"promotions": promotions.url}, directory=ROOT) as app:
        answer = await app.ask('query Two { offers { title } restaurant(id: "r1") { name } }')

    assert answer.data["restaurant"] is None
    assert [error["extensions"]["upstream"] for error in answer.errors] == ["catalog"]


async def test_each_application_begins_afresh(promotions):
    for _ in range(2):
        async with Application({"promotions": promotions.url}, directory=ROOT) as app:
            await app.ask(OFFERS)

    assert len(promotions.arrivals) == 2


async def test_variables_operation_and_headers_are_sent(promotions):
    query = "query A { offers { id } } query B($s: Segment!) { offers(segment: $s) { id } }"

    async with Application({"promotions": promotions.url}, directory=ROOT) as app:
        await app.ask(query, {"s": "GOLD"}, operation="B", headers={"Accept-Language": "de"})

    assert promotions.arrivals[0].query == {"segment": "GOLD"}
    assert promotions.arrivals[0].headers["accept-language"] == "de"


def test_an_upstream_that_has_no_policy_is_a_mistake():
    with pytest.raises(ValueError, match=r"upstreams/promotion\.yaml; there are: accounts, catalog"):
        Application({"promotion": "http://127.0.0.1:1"}, directory=ROOT)


async def test_without_a_schema_it_says_where_to_name_one(tmp_path):
    with pytest.raises(SettingsError, match="no schema"):
        async with Application({}, directory=tmp_path):
            pass
