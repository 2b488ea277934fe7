"""`/metrics` and `/admin/api/errors/ID` on the admin port; whichever worker is reached answers for all."""

import json
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, HTTPException, Request, Response

from bff.server.colleagues import ALONE, Colleagues
from bff.telemetry.error_ring import ErrorRing
from bff.telemetry.exposition import expose, merge
from bff.telemetry.metrics import Metrics

_UP = "bff_worker_up"


def metrics_route(metrics: Metrics, colleagues: Colleagues) -> APIRouter:
    """Return the route of `/metrics`."""
    routes = APIRouter()

    # Not async: a scrape takes milliseconds, which the event loop has not got.
    @routes.get("/metrics")
    def read(request: Request, accept: Annotated[str, Header()] = "") -> Response:
        """Return all metrics of all workers."""
        text, media_type = expose(metrics.registry, accept)
        if ALONE not in request.query_params and colleagues.number is not None:
            others = colleagues.ask("/metrics", {"accept": accept})
            text = _of_all(colleagues.number, text, others)
        return Response(text, media_type=media_type, headers={"cache-control": "no-store"})

    return routes


def errors_route(errors: ErrorRing, colleagues: Colleagues) -> APIRouter:
    """Return the route that tells of one error."""
    routes = APIRouter(prefix="/admin/api/errors")

    @routes.get("/{error_id}")
    def read(error_id: str, request: Request) -> dict[str, Any]:
        """Return what is known of one of the last errors."""
        kept = errors.find(error_id)
        if kept is not None:
            return {**kept.report(), "worker": colleagues.number}
        if ALONE not in request.query_params:
            for answer in colleagues.ask(f"/admin/api/errors/{quote(error_id, safe='')}").values():
                if answer is not None:
                    found: dict[str, Any] = json.loads(answer)
                    return found
        raise HTTPException(404, "None of the last errors has this id.")

    return routes


def _of_all(number: int, text: str, others: dict[int, bytes | None]) -> str:
    """Return the metrics of all workers, and which of them answered."""
    texts = {number: text, **{other: said.decode() for other, said in others.items() if said is not None}}
    up = [f"# HELP {_UP} Whether the worker answered when the others were asked.", f"# TYPE {_UP} gauge"]
    workers = sorted({number, *others})
    up += [f'{_UP}{{worker="{worker}"}} {1.0 if worker in texts else 0.0}' for worker in workers]
    return "\n".join(up) + "\n" + merge(dict(sorted(texts.items())))
