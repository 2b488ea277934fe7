"""Operations are judged and charged before they run, and settled after (RL-10 to RL-12)."""

import asyncio

import pytest
from graphql import build_schema

from bff.codes import Code
from bff.events import CostExceeded, CostSettled
from bff.execution.messages import Denied

SDL = """
type Query { items(first: Int): [Item]  fails: Item  must: Item!  name: String }
type Item { name: String  items(first: Int): [Item] }
type Mutation { change: Item }
"""


LIMIT = {"name": "user", "limit": 9, "windowSeconds": 60, "remaining": 7, "resetMs": 1000}


class Bucket:
    """An allowance that writes down what happens to it."""

    def __init__(self, left=1000.0):
        self.left = left
        self.charged = []
        self.refunded = []

    async def charge(self, cost):
        if cost > self.left:
            raise Denied(Code.RATE_LIMITED, "Too much at once.", retryAfterMs=1000)
        self.left -= cost
        self.charged.append(cost)

    async def refund(self, unused):
        self.left += unused
        self.refunded.append(unused)

    def report(self):
        return {"cost": {"currentlyAvailable": self.left}, "rateLimit": [LIMIT]}


@pytest.fixture
def asked(world):
    """Return a function that asks a schema whose lists have two items."""

    def make(**policy):
        schema = build_schema(SDL)
        query, item = schema.type_map["Query"].fields, schema.type_map["Item"].fields

        def fails(*_):
            raise ValueError("broken")

        query["items"].resolve = item["items"].resolve = lambda *_, **__: [{"name": "a"}, {"name": "b"}]
        query["fails"].resolve = query["must"].resolve = fails
        schema.type_map["Mutation"].fields["change"].resolve = lambda *_: {"name": "c"}
        return world(schema, **policy)

    return make


async def test_the_estimate_is_charged_before_and_the_rest_refunded(asked):
    bucket = Bucket()

    answer = await asked().ask("{ items(first: 5) { items { name } } }", allowance=bucket)

    assert "errors" not in answer.body
    assert (bucket.charged, bucket.refunded) == ([55.0], [49.0])


async def test_what_was_settled_is_told(asked):
    it = asked()
    bucket = Bucket()

    await it.ask("query Shelf { items(first: 10) { name } }", allowance=bucket)

    (settled,) = [event for event in it.events if isinstance(event, CostSettled)]
    assert (settled.request_id, settled.name) == ("r1", "Shelf")
    assert settled.requested == bucket.charged[0]
    assert settled.actual == bucket.charged[0] - bucket.refunded[0]


async def test_what_needed_all_of_it_is_not_refunded(asked):
    bucket = Bucket()

    await asked().ask("{ items(first: 2) { name } }", allowance=bucket)

    assert (bucket.charged, bucket.refunded) == ([2.0], [])


async def test_a_longer_list_than_asked_for_is_not_charged_afterwards(asked):
    bucket = Bucket()

    await asked().ask("{ items(first: 1) { name } }", allowance=bucket)

    assert (bucket.charged, bucket.refunded) == ([1.0], [])


async def test_failures_are_refunded(asked):
    bucket = Bucket()

    await asked().ask("{ must { name } items(first: 9) { name } }", allowance=bucket)

    assert (bucket.charged, bucket.refunded) == ([10.0], [9.0])


async def test_who_cannot_pay_is_refused_before_anything_runs(asked, codes):
    answer = await asked().ask("{ items { name } }", allowance=Bucket(left=5))

    assert answer.refused is Code.RATE_LIMITED
    assert answer.body["errors"][0]["extensions"]["retryAfterMs"] == 1000


async def test_what_costs_more_than_anything_may_is_refused_with_the_places(asked):
    """RL-11: independent of any bucket, with what to change."""
    bucket = Bucket(left=1e9)

    answer = await asked(cost={"max_cost": 100}).ask(
        "{ items(first: 50) { items(first: 9) { name } } }", allowance=bucket
    )

    (error,) = answer.body["errors"]
    assert answer.refused is Code.COST_LIMIT_EXCEEDED
    assert error["extensions"]["cost"] == {"requested": 500.0, "maximum": 100.0}
    assert error["extensions"]["mostExpensive"] == [
        {"path": "items.items", "cost": 450.0},
        {"path": "items", "cost": 50.0},
    ]
    assert bucket.charged == []


async def test_exactly_the_most_is_allowed(asked):
    assert (await asked(cost={"max_cost": 50}).ask("{ items(first: 50) { name } }")).refused is None
    assert (await asked(cost={"max_cost": 49}).ask("{ items(first: 50) { name } }")).refused is not None


async def test_a_list_that_is_too_long_says_how_long_it_may_be(asked):
    answer = await asked(cost={"max_list_size": 20}).ask("{ items(first: 21) { name } }")

    extensions = answer.body["errors"][0]["extensions"]
    assert extensions["code"] == "COST_LIMIT_EXCEEDED"
    assert (extensions["requestedItems"], extensions["maximumItems"]) == (21, 20)


@pytest.mark.parametrize(("mode", "told"), [("measure", [False]), ("off", [])])
async def test_without_enforcement_everything_runs(asked, mode, told):
    it = asked(cost={"max_cost": 10, "max_list_size": 90, "mode": mode})

    answer = await it.ask("query Long { items(first: 50) { name } }")

    assert answer.refused is None
    assert [event.enforced for event in it.events if isinstance(event, CostExceeded)] == told


async def test_a_refusal_is_told_with_name_and_amount(asked):
    it = asked(cost={"max_cost": 10})

    await it.ask("query Long { items(first: 50) { name } }")

    assert [event for event in it.events if isinstance(event, CostExceeded)] == [
        CostExceeded("r1", "Long", 50.0, 10, enforced=True)
    ]


@pytest.mark.parametrize(
    ("query", "variables", "charged", "refunded"),
    [
        pytest.param("{ nothing }", None, [1.0], [], id="does not validate"),
        pytest.param("{ items", None, [1.0], [], id="does not parse"),
        pytest.param(
            "query($n: Int!) { items(first: $n) { name } }", {"n": "x"}, [10.0], [9.0], id="variables do not fit"
        ),
    ],
)
async def test_a_request_that_does_not_fit_costs_1(asked, query, variables, charged, refunded):
    """RL-10: a request error refunds all but 1."""
    bucket = Bucket()

    answer = await asked().ask(query, variables, allowance=bucket)

    assert answer.refused is not None
    assert (bucket.charged, bucket.refunded) == (charged, refunded)


async def test_who_has_nothing_left_does_not_even_learn_what_is_wrong(asked):
    answer = await asked().ask("{ nothing }", allowance=Bucket(left=0.0))

    assert answer.refused is Code.RATE_LIMITED


@pytest.mark.parametrize(
    ("report", "headers", "told"),
    [
        ("ask", {}, False),
        ("ask", {"x-bff-cost": "1"}, True),
        ("always", {}, True),
        ("never", {"x-bff-cost": "1"}, False),
    ],
)
async def test_the_cost_is_told_to_who_asks_where_policy_lets_it(asked, report, headers, told):
    """RL-12."""
    answer = await asked(cost={"report": report}).ask("{ items(first: 3) { name } }", headers=headers)

    extensions = {"cost": {"requested": 3.0, "actual": 2.0}} if told else None
    assert answer.body.get("extensions") == extensions


async def test_the_report_of_the_bucket_stands_beside(asked):
    """RL-12: what is left after the refund, in one object with what this operation cost."""
    answer = await asked(cost={"report": "always"}).ask("{ items(first: 3) { name } }", allowance=Bucket(left=10))

    assert answer.body["extensions"] == {
        "cost": {"requested": 3.0, "actual": 2.0, "currentlyAvailable": 8.0},
        "rateLimit": [LIMIT],
    }


async def test_one_estimate_for_each_operation_of_a_document(asked):
    it = asked(cost={"report": "always"})
    document = "query A { items(first: 2) { name } } query B { items(first: 4) { name } }"

    costs = [(await it.ask(document, name=name)).body["extensions"]["cost"]["requested"] for name in "AB"]

    assert costs == [2.0, 4.0]


async def test_a_client_that_leaves_gets_nothing_back(asked):
    """The work may be done all the same, and leaving must not be a way to pay less."""
    it, bucket = asked(), Bucket()
    started = asyncio.Event()

    async def forever(*_, **__):
        started.set()
        await asyncio.Event().wait()

    it.engine.documents._schema.type_map["Query"].fields["items"].resolve = forever
    task = asyncio.create_task(it.ask("{ items(first: 5) { name } }", allowance=bucket))
    await started.wait()
    task.cancel()
    await asyncio.wait([task])

    assert (bucket.charged, bucket.refunded) == ([5.0], [])
