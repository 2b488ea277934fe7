"""`/admin/api/shadow` and `/admin/api/canary`: how other hosts do, on all workers of a host."""

import json
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Request

from bff.clock import Clock
from bff.server.colleagues import ALONE, Colleagues
from bff.upstream.client import Upstreams
from bff.upstream.pipeline.canary import Arm
from bff.upstream.pipeline.shadow import Shadow

SHADOW: Final = "/admin/api/shadow"
CANARY: Final = "/admin/api/canary"


def trial_routes(upstreams: Callable[[], Upstreams], colleagues: Colleagues, *, clock: Clock) -> APIRouter:
    """Return the routes over the *upstreams* that are in use when somebody asks."""
    routes = APIRouter()

    def gathered(path: str, own: dict[str, Any], *, alone: bool) -> dict[str, Any]:
        here = str(colleagues.number or 0)
        told = {here: own}
        if not alone:
            others = colleagues.ask(path)
            told |= {
                str(number): json.loads(said)["workers"][str(number)] for number, said in others.items() if said
            }
        return {"workers": told}

    # Not async: asking the others takes time, which the event loop has not got.
    @routes.get(SHADOW)
    def shadow(request: Request) -> dict[str, Any]:
        """Return how copies of calls went, and where the last answers differed."""
        own = {
            client.name: shadow_report(client.pipelines.shadow)
            for client in upstreams()
            if client.pipelines.shadow is not None
        }
        return gathered(SHADOW, own, alone=ALONE in request.query_params)

    @routes.get(CANARY)
    def canary(request: Request) -> dict[str, Any]:
        """Return how canaries do against the own hosts of their upstreams."""
        now = clock.now()
        own = {
            client.name: {
                "stopped": arm.trial.stopped,
                **{name: _arm(*arm.trial.counts(name, now)) for name in _ARMS},
            }
            for client in upstreams()
            if (arm := client.pipelines.canary) is not None
        }
        return gathered(CANARY, own, alone=ALONE in request.query_params)

    return routes


_ARMS: Final[tuple[Arm, Arm]] = ("canary", "stable")


def _arm(calls: int, failures: float) -> dict[str, Any]:
    return {"calls": calls, "failureShare": round(failures, 4)}


def shadow_report(shadow: Shadow) -> dict[str, Any]:
    """Return counts and the last differences of *shadow*, newest first; places and kinds, never values."""
    return {
        "counts": dict(shadow.counts),
        "last": [
            {
                "at": one.at,
                "endpoint": one.endpoint,
                "differences": [{"path": path, "kind": kind} for path, kind in one.differences],
            }
            for one in reversed(list(shadow.last))
        ],
    }
