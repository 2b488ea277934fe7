"""`/admin/api/*` of the console: looking, watching, acting; one worker answers for all of the host."""

import asyncio
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from starlette.routing import BaseRoute, Match, Mount

from bff.clock import Clock
from bff.console.access import Caller
from bff.console.actions import DrainHost, ForceBreaker, NotPossible, NotThere, drain_host, force_breaker
from bff.console.audit import MOST, Audit
from bff.console.live import InForce, Live, numbered
from bff.console.merge import merged
from bff.console.stream import LONGEST, Stream, TooMany
from bff.policy.load import PolicySet
from bff.policy.resolve import Effective, effective, effective_for, names_of
from bff.server.colleagues import ALONE, Colleagues
from bff.upstream.pipeline import STAGES, stage_of

OWN: Final = "/admin/api/snapshot"
_OPTIONAL: Final = ("reload", "experiments", "shadow", "canary")
"""What the page draws only where this build has it."""

PATIENCE: Final = 5.0
"""Seconds that another worker may take to do what was asked: one that is busy does it late, and says so."""

_NO_STORE: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


class Console:
    """Answers them.

    Args:
        live: Reads what this process does.
        in_force: Returns what may be exchanged while it runs.
        audit: The last actions.
        colleagues: The other workers.
        clock: For breakers, hosts and the pace of snapshots.
        ended: Whether the process is about to end.
    """

    def __init__(
        self,
        live: Live,
        in_force: Callable[[], InForce],
        audit: Audit,
        *,
        colleagues: Colleagues,
        clock: Clock,
        ended: Callable[[], bool],
    ) -> None:
        self._live = live
        self._in_force = in_force
        self._audit = audit
        self._colleagues = colleagues
        self._clock = clock
        self.stream = Stream(self.snapshot, ended, clock=clock)

    def router(self) -> APIRouter:
        """Return the routes."""
        routes = APIRouter()
        routes.add_api_route("/console/me", self.me, methods=["GET"])
        api = APIRouter(prefix="/admin/api")
        api.add_api_route("/snapshot", self.snapshot_of, methods=["GET"])
        api.add_api_route("/live", self.watch, methods=["GET"], response_model=None)
        api.add_api_route("/policies", self.policies, methods=["GET"])
        api.add_api_route("/policies/{name:path}", self.policy, methods=["GET"])
        api.add_api_route("/audit", self.actions, methods=["GET"])
        api.add_api_route("/breakers", self.force, methods=["POST"])
        api.add_api_route("/hosts", self.drain, methods=["POST"])
        routes.include_router(api)
        return routes

    async def me(self, request: Request) -> dict[str, Any]:
        """Say who is asking, what they may, and what there is to see."""
        caller: Caller = request.state.caller
        return {
            "who": caller.who,
            "role": caller.role,
            "why": caller.why,
            "credentials": caller.means == "credentials",
            "features": {name: _has(request.app.routes, f"/admin/api/{name}") for name in _OPTIONAL},
        }

    async def snapshot(self) -> dict[str, Any]:
        """Return what all workers are doing."""
        mine = self._live.snapshot(self._in_force())
        said = await asyncio.to_thread(self._colleagues.ask, OWN) if self._colleagues.number is not None else {}
        others = [(number, json.loads(answer)) for number, answer in said.items() if answer is not None]
        missing = [str(number) for number, answer in said.items() if answer is None]
        return {
            "at": self._clock.wall(),
            **merged(numbered(self._colleagues.number, mine, others), missing=missing),
        }

    async def snapshot_of(self, request: Request) -> dict[str, Any]:
        """Return what all workers are doing, or this one alone for a colleague."""
        if ALONE in request.query_params:
            return self._live.snapshot(self._in_force())
        return await self.snapshot()

    async def watch(self, request: Request) -> StreamingResponse:
        """Send a snapshot each second, as server-sent events."""
        caller: Caller = request.state.caller
        left = LONGEST if caller.expires is None else caller.expires - self._clock.wall()
        try:
            events = self.stream.open(left)
        except TooMany:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "Too many consoles are open already.") from None
        return StreamingResponse(events, media_type="text/event-stream", headers=_NO_STORE)

    # Not async: showing hundreds of values takes milliseconds, which the event loop has not got.
    def policies(self) -> dict[str, Any]:
        """Return the names of all policies, and the endpoints of services that have values of their own."""
        policies = self._in_force().policies
        named = {
            name: sorted({*one.endpoints, *(each for group in one.groups.values() for each in group.endpoints)})
            for name, one in policies.upstreams.items()
        }
        return {"names": names_of(policies), "endpoints": named}

    def policy(self, name: str, endpoint: Annotated[str | None, Query(max_length=300)] = None) -> dict[str, Any]:
        """Return each value of a policy that is in force, and where it comes from."""
        policies = self._in_force().policies
        try:
            rows = effective(policies, name) if endpoint is None else _chain(policies, name, endpoint)
        except KeyError:
            known = ", ".join(names_of(policies))
            raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no policy {name!r}; there are {known}.") from None
        return {
            "name": name,
            "values": [{"key": one.key, "value": one.text, "origin": one.origin} for one in rows],
        }

    def actions(self, request: Request) -> dict[str, Any]:
        """Return the last actions of all workers, newest first."""
        found = self._audit.told()
        if ALONE not in request.query_params:
            for answer in self._colleagues.ask("/admin/api/audit").values():
                found += json.loads(answer)["actions"] if answer is not None else []
        return {"actions": sorted(found, key=lambda one: str(one["time"]), reverse=True)[:MOST]}

    async def force(self, asked: ForceBreaker, request: Request) -> dict[str, Any]:
        """Force a circuit breaker, in all workers."""
        return await self._everywhere(request, lambda: force_breaker(asked, self._in_force(), self._clock))

    async def drain(self, asked: DrainHost, request: Request) -> dict[str, Any]:
        """Drain a host, or take it back, in all workers."""
        return await self._everywhere(request, lambda: drain_host(asked, self._in_force(), self._clock))

    async def _everywhere(self, request: Request, act: Callable[[], str]) -> dict[str, Any]:
        try:
            done = act()
        except NotThere as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from None
        except NotPossible as error:
            raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
        if ALONE in request.query_params:
            return {"done": done, "silent": []}
        path, body = request.url.path, await request.body()
        said = await asyncio.to_thread(self._colleagues.tell, path, body, timeout=PATIENCE)
        silent = sorted(number for number, answer in said.items() if answer is None)
        return {"done": done + without(silent), "silent": silent}


def _has(routes: Sequence[BaseRoute], path: str) -> bool:
    """Return whether one of *routes* answers a GET of *path*; a mounted app, which takes everything, is none."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for route in routes if not isinstance(route, Mount))


def without(silent: list[int]) -> str:
    """Return what to add to a sentence about something done where workers did not answer."""
    if not silent:
        return ""
    names = ", ".join(map(str, silent))
    return f" Worker {names} did not confirm it: look at the console, and repeat it where it is missing."


def _chain(policies: PolicySet, name: str, endpoint: str) -> list[Effective]:
    """Return the values that calls of *endpoint* meet, in the order in which they meet them."""
    found = [(stage_of(one.key), one) for one in effective_for(policies, name, endpoint)]
    return [one for wanted in STAGES for stage, one in found if stage == wanted]
