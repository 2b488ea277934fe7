"""A real engine with the page in front, over services without sockets: what `test_faults.py` talks to.

Run by uvicorn in a process of its own: `uvicorn --app-dir tests/web shop_app:app`.
"""

from itertools import count
from pathlib import Path
from random import Random

import msgspec
from graphql import GraphQLResolveInfo, build_schema

from bff.clock import SystemClock
from bff.context import Context
from bff.errors import ErrorDesk
from bff.events import ignore
from bff.execution.engine import Engine
from bff.experiments.assemble import Laboratory
from bff.policy.experiments import FaultInjection
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.server.colleagues import Colleagues
from bff.server.graphiql import GraphiQL, Tab
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.message import Request, Response

BODIES = {"/menu": ["Pasta", "Pizza"], "/ratings": ["splendid"]}
POLICIES = {
    "catalog": UpstreamPolicy(hosts=("http://127.0.0.1:1",)),
    "reviews": UpstreamPolicy(hosts=("http://127.0.0.1:2",)),
}

catalog, reviews = Upstream("catalog"), Upstream("reviews")
ENDPOINTS = {
    "menu": catalog.get("/menu", returns=list[str], name="menu"),
    "ratings": reviews.get("/ratings", returns=list[str], name="ratings"),
}


class Services:
    """Answer each request at once."""

    async def send(self, request: Request) -> Response:
        body = msgspec.json.encode(BODIES[request.target])
        return Response(200, {"content-type": "application/json"}, body)

    async def close(self) -> None:
        pass


async def resolve(_: object, info: GraphQLResolveInfo) -> list[str]:
    """Ask the endpoint that is called as the field is."""
    endpoint = ENDPOINTS[info.field_name]
    return await endpoint(Context(info.context.operation, frozenset({endpoint}), "shop"))


def build() -> GraphQLEndpoint:
    """Return the endpoint with its page."""
    clock, rng = SystemClock(), Random()
    ids = count(1)
    operations = OperationsPolicy(
        fault_injection=FaultInjection(allow="development"), introspection="allow", graphiql="allow"
    )
    upstreams = open_upstreams(
        POLICIES, operations, open_transport=lambda _: Services(), clock=clock, rng=rng, notify=ignore
    )
    laboratory = Laboratory(
        operations.fault_injection,
        POLICIES,
        Colleagues(),
        development=True,
        clock=clock,
        rng=rng,
        new_id=lambda: f"{next(ids):032x}",
        notify=ignore,
    )
    schema = build_schema("type Query { menu: [String] ratings: [String] }")
    assert schema.query_type is not None
    for field in schema.query_type.fields.values():
        field.resolve = resolve
    engine = Engine(
        schema,
        upstreams,
        operations,
        desk=ErrorDesk(ignore, new_id=lambda: f"e{next(ids)}", alias=upstreams.alias),
        clock=clock,
        notify=ignore,
        experiments=laboratory.experiments,
    )
    page = GraphiQL(
        operations=[Tab("query Screen {\n  menu\n  ratings\n}\n")],
        headers={},
        assets=Path(__file__).parents[2] / "bff" / "web" / "dist",
        faults=laboratory.page(operations.fault_injection, POLICIES),
    )
    return GraphQLEndpoint(
        engine,
        operations,
        clock=clock,
        lifecycle=Lifecycle(clock),
        new_request_id=lambda: f"r{next(ids)}",
        graphiql=page,
        faults=laboratory.header(operations.fault_injection),
    )


app = build()
