"""Which clients still use what is deprecated: found once, told each time, counted without end of memory."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from graphql import build_schema, parse

from bff.admission.admin import router
from bff.admission.deprecated import Deprecated, coordinates
from bff.admission.usage import OTHERS, Usage
from bff.context import Deadline
from bff.events import ClientRefused, DeprecatedFieldsUsed, LimiterDegraded, LimitExceeded, StoreFailed
from bff.execution.documents import Documents
from bff.execution.messages import Ingress
from bff.policy.model import OperationsPolicy
from bff.testing import VirtualClock

SCHEMA = build_schema(
    """
    enum Size { SMALL, HUGE @deprecated(reason: "no longer cooked") }
    input Filter { name: String, tag: String @deprecated(reason: "use name") }
    interface Thing { code: String @deprecated(reason: "use id") }
    type Dish implements Thing { id: ID, code: String, price: Int @deprecated(reason: "use cents"), size: Size }
    type Query {
      dish(id: ID, key: ID @deprecated(reason: "use id"), size: Size, filter: Filter): Dish
      thing: Thing
      old: Int @deprecated(reason: "gone")
    }
    """
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{ dish(id: 1) { id } }", ()),
        ("{ dish { price } }", ("Dish.price",)),
        ("{ dish { cheap: price dear: price } }", ("Dish.price",)),
        ("{ dish(key: 1) { id } }", ("Query.dish(key:)",)),
        ("{ dish(size: HUGE) { id } }", ("Size.HUGE",)),
        ("{ dish(size: SMALL) { id } }", ()),
        ('{ dish(filter: {name: "a", tag: "b"}) { id } }', ("Filter.tag",)),
        ("{ thing { code } }", ("Thing.code",)),
        ("{ dish { ...F } } fragment F on Dish { price }", ("Dish.price",)),
        ("{ old dish { price } }", ("Query.old", "Dish.price")),
    ],
)
def test_everything_deprecated_has_its_coordinate(text, found):
    assert coordinates(SCHEMA, parse(text)) == found


@pytest.fixture
def observe(events):
    """A function that looks at one operation of a document, as the engine does."""
    clock = VirtualClock()
    documents = Documents(SCHEMA, OperationsPolicy(), clock=clock)
    deprecated = Deprecated(
        SCHEMA, lambda headers: (headers.get("x-name"), headers.get("x-version")), events.append
    )

    async def look(text, operation=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        deprecated(await documents.get(text), operation, Ingress("r1", Deadline.after(1, clock), headers=sent))

    yield look
    documents.close()


async def test_each_operation_is_told_with_who_sent_it(observe, events):
    await observe("{ dish { price } }", x_name="ios", x_version="4.1")
    await observe("{ dish { price } }")
    await observe("{ dish { id } }", x_name="ios")

    assert events == [
        DeprecatedFieldsUsed("r1", "ios", "4.1", ("Dish.price",)),
        DeprecatedFieldsUsed("r1", "", "", ("Dish.price",)),
    ]


async def test_only_the_operation_that_runs_counts(observe, events):
    both = "query New { dish { id } } query Old { dish { ...F } } fragment F on Dish { price }"

    await observe(both, "New")
    await observe(both, "Old")

    assert [event.fields for event in events] == [("Dish.price",)]


@pytest.mark.parametrize(
    ("sdl", "any_"), [("type Query { a: Int }", False), ("type Query { a: Int @deprecated }", True)]
)
def test_a_schema_without_anything_deprecated_costs_nothing(sdl, any_, events):
    assert Deprecated(build_schema(sdl), lambda _: (None, None), events.append).any is any_


def test_counts_are_read_on_the_admin_port():
    usage = Usage()
    usage.came("ios", "4.1")
    usage.came("ios", "4.1")
    usage.came("", None)
    for event in (
        DeprecatedFieldsUsed("r1", "ios", "4.1", ("Dish.price", "Query.old")),
        LimitExceeded("r1", "default", "user", True, "store"),
        ClientRefused("r1", "version", "3.9"),
        StoreFailed("ratelimit", "down", refused=False),
        StoreFailed("cache", "down", refused=False),
        LimiterDegraded(True),
    ):
        usage(event)
    app = FastAPI()
    app.include_router(router(usage))

    with TestClient(app) as client:
        told = client.get("/admin/api/clients").json()

    assert told == {
        "clients": [
            {"client": "ios", "version": "4.1", "requests": 2},
            {"client": "", "version": "", "requests": 1},
        ],
        "deprecatedFields": [
            {"client": "ios", "version": "4.1", "field": "Dish.price", "operations": 1},
            {"client": "ios", "version": "4.1", "field": "Query.old", "operations": 1},
        ],
        "limits": [
            {"policy": "default", "limit": "user", "decision": "refused", "counted": "store", "requests": 1}
        ],
        "turnedAway": {"version": 1},
        "storeErrors": 1,
        "degraded": True,
    }


def test_names_that_clients_invent_are_counted_together():
    """A name is the client's word; memory must not be."""
    usage = Usage(most=3)
    for number in range(100):
        usage.came(f"invented-{number}", "1")
        usage(DeprecatedFieldsUsed("r1", f"invented-{number}", "1", ("Dish.price",)))

    told = usage.told()

    assert told["clients"][0] == {"client": OTHERS, "version": "", "requests": 97}
    assert told["deprecatedFields"][0] == {
        "client": OTHERS, "version": "", "field": "Dish.price", "operations": 97,
    }  # fmt: skip
    assert len(told["clients"]) == 4
