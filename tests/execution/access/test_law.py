"""Whatever is asked by whomever: both executors answer the same, and nothing that is denied was resolved."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff.context import ANONYMOUS, Deadline
from bff.errors import ErrorDesk
from bff.execution.compiled import compiled_run_of
from bff.execution.engine import Engine
from bff.execution.messages import GraphQLRequest, Ingress
from bff.execution.strawberry_schema import run_of
from bff.policy.model import OperationsPolicy
from bff.testing import VirtualClock, principal

LEAVES = ["name", "price", "cost", "margin", "stock", "supplier", "note", "__typename"]
things = st.lists(st.sampled_from(LEAVES), min_size=1, max_size=6, unique=True).map(" ".join)
roots = st.one_of(
    things.map(lambda leaves: f"things(count: 2) {{ {leaves} }}"),
    st.sampled_from(["name", "cost", "name ...on Thing { margin stock }"]).map(lambda ask: f"items {{ {ask} }}"),
    things.map(lambda leaves: f"found {{ __typename ...on Thing {{ {leaves} }} ...on Order {{ id }} }}"),
    st.sampled_from(["order { id }", "locked", "pin", "order { __typename }"]),
)
documents = st.lists(roots, min_size=1, max_size=5, unique=True).map(
    lambda chosen: "{ " + " ".join(f"f{place}: {root}" for place, root in enumerate(chosen)) + " }"
)
callers = st.one_of(
    st.just(ANONYMOUS),
    st.sets(st.sampled_from(["costs:read", "admin", "audit", "suppliers:read"])).flatmap(
        lambda scopes: st.sampled_from([{}, {"acr": "mfa", "auth_time": 1_700_000_000}]).map(
            lambda claims: principal("ann", scopes=scopes, **claims)
        )
    ),
)
NEEDED = {
    "supplier": lambda who: "suppliers:read" in who.scopes,
    "stock": lambda who: bool(who.subject),
    "order": lambda who: bool(who.subject),
    "locked": lambda who: False,
    "pin": lambda who: who.claims.get("acr") == "mfa",
}


@pytest.fixture(scope="module")
def shops(shop_class):
    return {"compiled": shop_class(), "interpreted": shop_class()}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents, who=callers, nice=st.booleans())
def test_both_executors_agree_and_nothing_denied_is_resolved(shops, document, who, nice):
    answers = {}
    for executor, shop in shops.items():
        shop.says["nice"] = nice
        shop.resolved.clear()
        answers[executor] = asyncio.run(ask(shop, executor, document, who))
        for did in shop.resolved:
            name = did if isinstance(did, str) else did[0]
            assert NEEDED[name](who), f"{name} was resolved for {who}"

    assert answers["compiled"] == answers["interpreted"]


async def ask(shop, executor, document, who):
    clock, run = VirtualClock(), {"compiled": compiled_run_of, "interpreted": run_of}[executor]
    desk = ErrorDesk(lambda event: None, new_id=lambda: "e", alias=str)
    policy = OperationsPolicy(limits={"aliases": 100})
    run = run(shop.schema, hide_suggestions=True)
    engine = Engine(shop.schema, None, policy, desk=desk, clock=clock, notify=lambda event: None, run=run)
    ingress = Ingress("r", Deadline.after(10, clock), principal=who)
    body = (await engine.execute(GraphQLRequest(document), ingress)).body
    closing = asyncio.ensure_future(engine.close(0.0))
    await closing
    return body["data"], sorted(
        (str(error["path"]), error["extensions"]["code"]) for error in body.get("errors", ())
    )
