"""The screens against the simulated services over real HTTP, called by the policies but for their timeouts."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path

import pytest

from bff.clock import SystemClock
from bff.context import ANONYMOUS
from bff.policy.credentials import Credentials
from bff.policy.load import load
from bff.policy.model import Timeouts
from bff.testing.fault_kinds import Status
from bff.testing.faults import Fault
from bff.testing.faulty_server import FaultyServer
from bff.upstream.transport.engines import open_transport
from upstreams.simulation.running import DEFAULT_DAY, DEFAULT_SEED
from upstreams.simulation.web import Outside
from upstreams.simulation.world import World

PATIENT = Timeouts(total="20s", attempt="10s", connect="5s", dns="5s", queue="5s", write_idle="9s", read_idle="9s")
"""All services share this process, so a slow moment of one is a slow moment of all."""
AS_THE_CALLER = Credentials(mode="forward", audience="services", anonymous="allow")
"""There is no issuer here that gives us a token of our own for payments."""
POLICIES = Path(__file__).parents[2] / "policies"


class Town:
    """All eight services on free ports, and the application for one customer."""

    def __init__(self, app, servers):
        self.run = app.run
        self.servers = servers

    def calls(self):
        """Return how often each route was asked, by service and method."""
        counts = ((name, server.counts) for name, server in self.servers.items())
        return Counter({(name, *route): count for name, routes in counts for route, count in routes.items()})


@pytest.fixture(scope="module")
def world():
    """Return what all services know; what a test changes, they keep elsewhere."""
    return World(DEFAULT_SEED, DEFAULT_DAY)


@pytest.fixture
async def town(make_app, world):
    clock = SystemClock()
    policies = load(POLICIES).upstreams
    servers = {}
    async with AsyncExitStack() as stack:
        for name in policies:
            service = import_module(f"upstreams.simulation.services.{name}").app(world, Outside(clock))
            servers[name] = await stack.enter_async_context(FaultyServer(service.routes))
        here = {
            name: policy.model_copy(
                update={"hosts": (servers[name].url,), "timeouts": PATIENT, "credentials": AS_THE_CALLER}
            )
            for name, policy in policies.items()
        }
        app = make_app(
            here, lambda limits: open_transport(limits, clock=clock), {"authorization": "Bearer demo-u1"}
        )
        stack.push_async_callback(app.close)
        yield Town(app, servers)


@pytest.mark.parametrize(
    "name",
    ["home", "restaurant-page", "search", "basket", "order-tracking", "profile", "order-history", "checkout",
     "cancel-order", "write-review", "register-device"],
)  # fmt: skip
async def test_every_screen_is_answered_by_the_real_services(town, screen, name):
    document, variables = screen(name)

    data, errors = await town.run(document, **variables)

    assert errors == []
    assert None not in data.values()
    assert [payload["userErrors"] for payload in data.values() if "userErrors" in payload] in ([], [[]])


async def test_a_long_history_is_one_call_for_each_wave_and_endpoint(town, screen):
    """Fifty orders, however many dishes: no call for each order, and no batch above the service's maximum."""
    checkout, basket = screen("checkout")
    for number in range(10):
        key = f"6f1c0f34-8a0e-4a83-9a0e-0c1a52f3b1{number:02d}"
        data, errors = await town.run(checkout, **{**basket, "key": key})
        assert (errors, data["placeOrder"]["userErrors"]) == ([], [])
    before = town.calls()
    document, variables = screen("order-history")

    data, errors = await town.run(document, **variables)

    orders = [edge["node"] for edge in data["me"]["orders"]["edges"]]
    dishes = {line["dish"]["id"] for order in orders for line in order["lines"]}
    assert errors == []
    assert len(orders) == 50
    assert town.calls() - before == Counter(
        {
            ("accounts", "GET", "/me"): 1,
            ("orders", "GET", "/orders"): 1,
            ("catalog", "GET", "/restaurants/by-ids"): 1,
            ("payments", "GET", "/charges"): 1,
            ("catalog", "GET", "/dishes"): -(-len(dishes) // 100),
        }
    )


async def test_one_key_places_one_order_however_often_it_is_sent(town, screen):
    document, variables = screen("checkout")

    answers = [await town.run(document, **variables) for _ in range(3)]

    assert len({data["placeOrder"]["order"]["id"] for data, _ in answers}) == 1


async def test_the_same_key_at_the_same_moment_is_in_progress(town, screen):
    """A nervous thumb orders once."""
    document, variables = screen("checkout")

    answers = await asyncio.gather(*(town.run(document, **variables) for _ in range(2)))

    placed = [data["placeOrder"] for data, errors in answers]
    assert sum(payload["order"] is not None for payload in placed) == 1
    assert [error["code"] for payload in placed for error in payload["userErrors"]] == ["IN_PROGRESS"]


async def test_refusals_name_what_to_mend(town, screen):
    document, variables = screen("checkout")
    lines = [{"dishId": "d1", "quantity": 1}, {"dishId": "d99999", "quantity": 1}]

    data, errors = await town.run(document, **{**variables, "input": {**variables["input"], "lines": lines}})

    assert errors == []
    (error,) = data["placeOrder"]["userErrors"]
    assert (error["code"], error["path"]) == ("INVALID", ["lines", "1", "dishId"])


async def test_a_delivered_order_can_no_longer_be_cancelled(town):
    data, errors = await town.run('mutation { cancelOrder(id: "o16233") { order { id } userErrors { code } } }')

    assert errors == []
    assert data == {"cancelOrder": {"order": None, "userErrors": [{"code": "CONFLICT"}]}}


async def test_a_rating_out_of_range_is_the_customers_to_mend(town, screen):
    document, variables = screen("write-review")

    data, errors = await town.run(document, input={**variables["input"], "rating": 6})

    assert errors == []
    assert [error["code"] for error in data["writeReview"]["userErrors"]] == ["INVALID"]


@pytest.mark.parametrize("down", ["accounts", "catalog", "couriers", "payments", "reviews"])
async def test_the_home_screen_loses_only_what_failed(town, screen, down):
    town.servers[down].trouble(Fault(Status(503)))
    document, variables = screen("home")

    data, errors = await town.run(document, **variables)

    assert data is not None
    assert {error["extensions"]["upstream"] for error in errors} == {down}, errors


async def test_the_home_screen_is_whole_without_offers(town, screen):
    """Policy: promotions fall back to an empty list."""
    town.servers["promotions"].trouble(Fault(Status(503)))
    document, variables = screen("home")

    data, errors = await town.run(document, **variables)

    assert errors == []
    assert data["me"]["offers"] == []


async def test_whoever_says_not_who_they_are_sees_what_is_public(town):
    document = '{ me { name } restaurant(id: "r1") { name } }'
    town.run.__self__.caller = ANONYMOUS

    data, errors = await town.run(document)

    assert data["me"] is None
    assert data["restaurant"]["name"]
    assert [error["extensions"]["code"] for error in errors] == ["UNAUTHENTICATED"]
