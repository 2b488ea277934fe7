"""An operation makes as many calls as its waves and endpoints need, and not one more."""

import json
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from graphql import build_client_schema, get_introspection_query

from upstreams.simulation.cluster import Cluster

ROOT = Path(__file__).parents[2]
BATCH_OF_DISHES = 100


@pytest.fixture
def customer_of_fifty_orders(policies_for, start_bff, issuer):
    """A bff over services of its own, where the customer has placed orders until there is a page of fifty."""
    with Cluster(latency="1ms", tick="3600s", issuer=issuer.url) as services:
        bff = start_bff(policies_for(services.urls))
        missing = 50 - bff.run("order-history").json()["data"]["me"]["orders"]["totalCount"]
        for number in range(missing):
            placed = bff.run("checkout", key=str(UUID(int=number + 1))).json()
            assert placed["data"]["placeOrder"]["userErrors"] == []
        yield bff, services


def test_a_page_of_fifty_orders_makes_one_call_per_wave_and_endpoint(customer_of_fifty_orders):
    """Dishes are chunked at the service's maximum of 100."""
    bff, services = customer_of_fifty_orders
    before = sum_by_path(services)

    answer = bff.run("order-history").json()

    made = sum_by_path(services) - before
    edges = answer["data"]["me"]["orders"]["edges"]
    dishes = {line["dish"]["id"] for edge in edges for line in edge["node"]["lines"]}
    assert "errors" not in answer
    assert len(edges) == 50
    assert len(dishes) > BATCH_OF_DISHES
    assert made == {
        "GET /me": 1,
        "GET /orders": 1,
        "GET /restaurants/by-ids": 1,
        "GET /charges": 1,
        "GET /dishes": -(-len(dishes) // BATCH_OF_DISHES),
    }


def test_the_home_screen_asks_each_endpoint_once_per_wave(bff, healed):
    """Orders twice, for it shows two pages; restaurants twice when offers are there well before orders."""
    before = sum_by_path(healed)

    bff.run("home")

    made = sum_by_path(healed) - before
    assert made.pop("GET /couriers", 0) <= 1, "asked when one of the latest orders has a courier"
    assert made.pop("GET /restaurants/by-ids") in {1, 2}
    assert made == {
        "GET /me": 1,
        "GET /inbox": 1,
        "GET /methods": 1,
        "GET /offers": 1,
        "GET /orders": 2,
        "GET /deliveries": 1,
        "GET /charges": 1,
        "GET /restaurants": 1,
        "GET /dishes": 1,
        "POST /graphql": 1,
        "GET /users": 1,
    }


def sum_by_path(services):
    """Return how often each method and path arrived at any service, health checks apart."""
    made = Counter()
    for member in services.urls:
        made.update(services.stats(member)["arrivals"])
    made.pop("GET /health", None)
    return made


def test_the_schema_can_be_explored_within_the_shipped_limits(bff):
    """GraphiQL's documentation and completion live on this query."""
    answer = bff.ask(get_introspection_query(input_value_deprecation=True)).json()

    assert "errors" not in answer
    assert build_client_schema(answer["data"]).query_type.name == "Query"


def test_the_operations_of_the_app_are_all_answered_whole(bff, healed):
    for file in sorted((ROOT / "schema" / "operations").glob("*.graphql")):
        if file.stem in {"checkout", "cancel-order", "pay-order", "write-review", "register-device"}:
            continue
        answer = bff.run(file.stem).json()
        assert "errors" not in answer, (file.stem, json.dumps(answer["errors"])[:500])
