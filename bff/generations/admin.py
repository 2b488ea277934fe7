"""`/admin/api/reload`: which policies are in force in each worker, and reading them again, for the admin port."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from bff.generations.front import Front
from bff.generations.reload import Reloads, Result
from bff.server.colleagues import ALONE, Colleagues

PATH: Final = "/admin/api/reload"

_PATIENCE: Final = 20.0
"""Seconds that another worker may take: new issuers have five to bring their keys."""


class Status:
    """What one worker says of its policies.

    Args:
        front: Has the generation in force.
        reloads: Knows what came of the last reload.
        colleagues: Knows which worker this is.
        watching: Whether files are looked at.
    """

    def __init__(
        self, front: Front, reloads: Reloads, colleagues: Colleagues, watching: Callable[[], bool]
    ) -> None:
        self._front = front
        self._reloads = reloads
        self._colleagues = colleagues
        self._watching = watching

    def told(self, result: Result | None = None) -> dict[str, Any]:
        """Return it for people and programs; *result* is what came of the reload that was asked for."""
        generation, failure = self._front.generation, self._reloads.failure
        return {
            "worker": self._colleagues.number or 0,
            **({"result": result} if result else {}),
            "generation": generation.number,
            "since": datetime.fromtimestamp(generation.since, UTC).isoformat(timespec="milliseconds"),
            "digest": generation.configuration.digest,
            "watching": self._watching(),
            "restartNeeded": list(self._reloads.restart),
            "error": failure.told() if failure is not None else None,
        }

    def details(self) -> Mapping[str, object]:
        """Return what readiness says of it."""
        failure = self._reloads.failure
        error = {} if failure is None else {"error": failure.detail}
        return {"policies": {"generation": self._front.generation.number, **error}}


def router(status: Status, reloads: Reloads, colleagues: Colleagues) -> APIRouter:
    """Return the routes; whichever worker is asked answers for all, and tells all."""
    routes = APIRouter(prefix=PATH)

    @routes.get("")
    async def read(request: Request) -> dict[str, Any]:
        """Return the policies in force in each worker, and whether all have the same."""
        own = status.told()
        if ALONE in request.query_params:
            return own
        return _together(own, await run_in_threadpool(colleagues.ask, PATH))

    @routes.post("")
    async def reload(request: Request) -> JSONResponse:
        """Read the files again, in each worker; 422 where they cannot be used, and everything is as it was."""
        if ALONE in request.query_params:
            return JSONResponse(status.told(await reloads.reload("request")))
        telling = asyncio.create_task(run_in_threadpool(colleagues.tell, PATH, timeout=_PATIENCE))
        result = await reloads.reload("request")
        report = _together(status.told(result), await telling)
        return JSONResponse(report, 200 if report["error"] is None else 422)

    return routes


def _together(own: dict[str, Any], others: Mapping[int, bytes | None]) -> dict[str, Any]:
    told = {own["worker"]: own}
    for number, said in others.items():
        told[number] = {"worker": number, "answered": False} if said is None else json.loads(said)
    workers = [told[number] for number in sorted(told)]
    digests = {one.get("digest") for one in workers}
    errors = [one["error"]["message"] for one in workers if one.get("error")]
    silent = [f"worker {one['worker']} did not answer" for one in workers if one.get("answered") is False]
    return {
        "agree": len(digests) == 1 and None not in digests,
        "error": next(iter([*errors, *silent]), None),
        "workers": workers,
    }
