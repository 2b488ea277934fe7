"""`/admin/api/experiments`: faults on purpose, started and stopped in all workers of a host."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse

from bff.clock import Clock
from bff.experiments.faults import parse_fault
from bff.experiments.model import Experiment, parse_scope
from bff.experiments.registry import Experiments, Impossible, NotAllowed
from bff.policy.units import parse_duration, parse_share
from bff.server.colleagues import ALONE, Colleagues

PATH: Final = "/admin/api/experiments"

_LONGEST_NOTE: Final = 200
_NEEDED: Final = ("upstream", "fault", "duration")
_KNOWN: Final = {*_NEEDED, "endpoint", "share", "scope", "stop_when_errors_above", "note"}


class ExperimentDesk:
    """Does what operators ask, in this worker and in all others of the host.

    Args:
        experiments: Of this worker.
        colleagues: The other workers.
        clock: Tells when experiments end.
        new_id: Names them.
    """

    def __init__(
        self, experiments: Experiments, colleagues: Colleagues, *, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._experiments = experiments
        self._colleagues = colleagues
        self._clock = clock
        self._new_id = new_id

    async def listed(self, *, alone: bool) -> dict[str, Any]:
        """Return what runs, and what policy allows; of this worker only, where *alone*."""
        policy = self._experiments.policy
        own = [report(one, self._clock) for one in self._experiments.list()]
        others = {} if alone else await asyncio.to_thread(self._colleagues.ask, PATH)
        return {
            "allowed": self._experiments.allowed,
            "allow": policy.allow,
            "maxShare": policy.max_share,
            "maxDurationMs": round(policy.max_duration.total_seconds() * 1000),
            "upstreams": sorted(self._experiments.upstreams.values()),
            "experiments": _merged(own, others),
            "unanswered": _silent(others),
        }

    async def start(self, order: Mapping[str, Any], *, alone: bool) -> JSONResponse:
        """Start what *order* asks for, or where *alone* what another worker has started."""
        try:
            self._experiments.require_allowed()
            experiment = read(order) if alone else ordered(order, clock=self._clock, new_id=self._new_id)
            self._experiments.start(experiment)
        except NotAllowed as error:
            return _refused(HTTPStatus.FORBIDDEN, str(error))
        except (LookupError, TypeError, ValueError) as error:
            return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        told = report(experiment, self._clock)
        if not alone:
            others = await asyncio.to_thread(self._colleagues.tell, PATH, json.dumps(told).encode())
            told["unanswered"] = _silent(others)
        return JSONResponse(told)

    async def stop(self, name: str, *, alone: bool) -> JSONResponse:
        """Stop the experiment called *name*."""
        stopped = self._experiments.stop(name) is not None
        if alone:
            return JSONResponse({"stopped": stopped})
        others = await asyncio.to_thread(self._colleagues.tell, _stop_path(name))
        if not stopped and not any(said is not None and json.loads(said)["stopped"] for said in others.values()):
            detail = f"No experiment {name!r} runs: it has ended, or there never was one."
            return _refused(HTTPStatus.NOT_FOUND, detail)
        return JSONResponse({"stopped": name, "unanswered": _silent(others)})


def experiment_routes(desk: ExperimentDesk) -> APIRouter:
    """Return the routes that list, start and stop experiments."""
    routes = APIRouter(prefix=PATH)

    @routes.get("")
    async def listed(request: Request) -> dict[str, Any]:
        """Return what runs, and what policy allows."""
        return await desk.listed(alone=ALONE in request.query_params)

    @routes.post("")
    async def start(request: Request, order: Annotated[dict[str, Any], Body()]) -> JSONResponse:
        """Start one: `upstream`, `fault`, `duration`; perhaps `endpoint`, `share`, `scope`, and when to stop."""
        return await desk.start(order, alone=ALONE in request.query_params)

    @routes.delete("/{name}")
    @routes.post("/{name}/stop")
    async def stop(name: str, request: Request) -> JSONResponse:
        """Stop one."""
        return await desk.stop(name, alone=ALONE in request.query_params)

    return routes


def ordered(order: Mapping[str, Any], *, clock: Clock, new_id: Callable[[], str]) -> Experiment:
    """Return the experiment that *order*, as an operator wrote it, asks for.

    Raises:
        Impossible: Keys are missing, unknown or of another type.
        BadFault: `fault` is none.
        BadScope: `scope` is none.
        Refused: `share` or `duration` is none.
    """
    missing = [name for name in _NEEDED if not order.get(name)]
    unknown = sorted(order.keys() - _KNOWN)
    if missing or unknown:
        wrong = [*(f"{name!r} is missing" for name in missing), *(f"{name!r} is unknown" for name in unknown)]
        raise Impossible(f"{'; '.join(wrong)}. Keys are {', '.join(sorted(_KNOWN))}.")
    for name in ("upstream", "endpoint", "fault", "scope", "note"):
        if not isinstance(order.get(name, ""), str | None):
            raise Impossible(f"{name!r} is text.")
    above = order.get("stop_when_errors_above")
    return Experiment(
        id=new_id()[:12],
        upstream=order["upstream"],
        endpoint=order.get("endpoint") or None,
        fault=parse_fault(order["fault"]),
        share=parse_share(order.get("share", 1)),
        scope=parse_scope(order.get("scope") or "everyone"),
        until=clock.wall() + parse_duration(order["duration"]).total_seconds(),
        stop_above=None if above is None else parse_share(above),
        note=(order.get("note") or "")[:_LONGEST_NOTE],
    )


def report(experiment: Experiment, clock: Clock) -> dict[str, Any]:
    """Return what is told of *experiment*; `read` makes one of it again."""
    return {
        "id": experiment.id,
        "upstream": experiment.upstream,
        "endpoint": experiment.endpoint,
        "fault": str(experiment.fault),
        "share": experiment.share,
        "scope": str(experiment.scope),
        "until": experiment.until,
        "leftMs": max(0, round((experiment.until - clock.wall()) * 1000)),
        "stopWhenErrorsAbove": experiment.stop_above,
        "note": experiment.note,
        "hits": experiment.hits,
        "operations": experiment.operations,
        "failed": experiment.failed,
    }


def read(told: Mapping[str, Any]) -> Experiment:
    """Return the experiment that another worker's `report` tells of, not yet counted."""
    return Experiment(
        id=told["id"],
        upstream=told["upstream"],
        endpoint=told["endpoint"],
        fault=parse_fault(told["fault"]),
        share=told["share"],
        scope=parse_scope(told["scope"]),
        until=told["until"],
        stop_above=told["stopWhenErrorsAbove"],
        note=told["note"],
    )


async def catch_up(experiments: Experiments, colleagues: Colleagues) -> None:
    """Start what already runs in the other workers: this one may have taken the place of one that crashed."""
    for said in (await asyncio.to_thread(colleagues.ask, PATH)).values():
        for told in json.loads(said)["experiments"] if said is not None else ():
            with contextlib.suppress(NotAllowed, Impossible):  # it has just ended, or policies are being read anew
                experiments.start(read(told))


async def told_of_end(experiment: Experiment, colleagues: Colleagues) -> None:
    """Stop *experiment* in all other workers, for this one has seen it do too much harm."""
    await asyncio.to_thread(colleagues.tell, _stop_path(experiment.id))


def _merged(own: list[dict[str, Any]], others: Mapping[int, bytes | None]) -> list[dict[str, Any]]:
    """Return each experiment once, with the sums of what all workers counted."""
    found = {one["id"]: one for one in own}
    for said in others.values():
        for one in json.loads(said)["experiments"] if said is not None else ():
            known = found.setdefault(one["id"], one)
            if known is not one:
                for name in ("hits", "operations", "failed"):
                    known[name] += one[name]
    return list(found.values())


def _stop_path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}/stop"


def _silent(answers: Mapping[int, bytes | None]) -> list[int]:
    return sorted(number for number, said in answers.items() if said is None)


def _refused(status: HTTPStatus, detail: str) -> JSONResponse:
    content = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return JSONResponse(content, status.value, media_type="application/problem+json")
