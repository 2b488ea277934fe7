"""A small GraphQL server with the page in front: what the browser tests and `screenshot.py` talk to.

Run by uvicorn in a process of its own: `uvicorn --app-dir tests/web small_app:app`.
"""

import json
from pathlib import Path
from typing import Any

from graphql import GraphQLError, build_schema, graphql
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from bff.server.graphiql import GraphiQL, read_tabs

HERE = Path(__file__).parent
SCHEMA = build_schema((HERE / "small_schema.graphql").read_text("utf-8"))

RESTAURANTS = [
    {"id": "r1", "name": "Trattoria Lucia", "deliveryMinutes": 25},
    {"id": "r2", "name": "Sakura", "deliveryMinutes": 35},
]

TRACE = json.loads((HERE / "trace.json").read_text("utf-8"))


class Root:
    """Resolves `home`; what is `broken` fails as an upstream would, what is `stale` is marked as old."""

    def __init__(self, authorization: str | None) -> None:
        self.degraded: list[dict[str, Any]] = []
        self._authorization = authorization

    def home(self, info: Any, broken: list[str], stale: list[str]) -> dict[str, Any]:
        self.degraded += [
            {
                "path": ["home", name],
                "upstream": name,
                "reason": "UPSTREAM_TIMEOUT",
                "source": "stale",
                "ageMs": 12_000,
            }
            for name in stale
        ]
        user = (self._authorization or "").removeprefix("Bearer demo-") or None
        return {
            "greeting": f"Good evening, {user}" if user else "Good evening",
            "restaurants": [
                {**restaurant, "rating": lambda info: fails("reviews", broken) or 4.6}
                for restaurant in RESTAURANTS
            ],
            "courier": lambda info: fails("couriers", broken) or {"name": "Ines", "vehicle": "BIKE"},
            "offer": lambda info: "10 % off until midnight",
        }


def fails(upstream: str, broken: list[str]) -> None:
    """Raise what the engine answers for an upstream that is down, where *upstream* is *broken*."""
    if upstream in broken:
        extensions = {
            "code": "UPSTREAM_UNAVAILABLE",
            "upstream": upstream,
            "retryable": True,
            "retryAfterMs": 1500,
            "errorId": "e-7f3a",
        }
        raise GraphQLError(f"{upstream} could not be reached", extensions=extensions)


async def execute(request: Request) -> JSONResponse:
    """Answer one POST with GraphQL in it."""
    body = json.loads(await request.body())
    root = Root(request.headers.get("authorization"))
    result = await graphql(
        SCHEMA,
        body["query"],
        root_value=root,
        variable_values=body.get("variables"),
        operation_name=body.get("operationName"),
    )
    answer: dict[str, Any] = dict(result.formatted)
    if root.degraded:
        answer["extensions"] = {"degraded": root.degraded}
    if "x-bff-trace" in request.headers and "errors" not in answer:
        answer.setdefault("extensions", {})["trace"] = TRACE
    return JSONResponse(answer)


class Negotiated:
    """Sends people to the page and programs to the endpoint."""

    def __init__(self) -> None:
        self._page = GraphiQL(
            operations=read_tabs(HERE / "operations"),
            headers={"Authorization": "Bearer demo-u1"},
            assets=HERE.parents[1] / "bff" / "web" / "dist",
            trace_header="x-bff-trace",
        )
        self._endpoint = Route("/{rest:path}", execute, methods=["POST"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self._endpoint.handle({**scope, "path_params": {}}, receive, send)
        else:
            await self._page(scope, receive, send)


app = Starlette(routes=[Mount("/", Negotiated())])
