"""The HTTP side of a fault book: `/__faults` and `/__stats`, on every service that is built on `FaultyServer`.

GET /__faults      the faults in force, each with `hits` and, where it ends by itself, the seconds `left`
PUT /__faults      a JSON array of faults (or one object) instead of those in force
POST /__faults     one fault, or an array of them, tried after those in force
DELETE /__faults   no more faults
GET /__stats       arrivals by method and path template, open connections, connections accepted so far

Bodies are `application/json`, which also keeps foreign web pages out. A wrong fault is answered with 422 and a
problem whose `errors` point at each mistake; then nothing has changed.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from bff.testing.fault_kinds import BEFORE_REQUEST
from bff.testing.faults import BadFault, Fault, FaultBook
from bff.testing.http_message import Reply, Request

FAULTS = "/__faults"
STATS = "/__stats"
_METHODS = {FAULTS: "GET, PUT, POST, DELETE", STATS: "GET"}


class Control:
    """Answers the control endpoint; its requests are neither counted nor hit by faults."""

    def __init__(
        self,
        book: FaultBook,
        *,
        stats: Callable[[], dict[str, Any]],
        changed: Callable[[], Awaitable[None]],
        now: Callable[[], float],
        apart: bool,
    ) -> None:
        """Connect the endpoint.

        Args:
            book: The faults it shows and changes.
            stats: What `/__stats` answers.
            changed: Told after each change of the faults.
            now: Time in seconds.
            apart: Whether it is also reachable where no fault can cut it off.
        """
        self._book = book
        self._stats = stats
        self._changed = changed
        self._now = now
        self._apart = apart

    @staticmethod
    def owns(request: Request) -> bool:
        """Return whether *request* is for the control endpoint."""
        return request.raw_path in _METHODS

    async def __call__(self, request: Request) -> Reply:
        """Answer *request*."""
        path = request.raw_path
        if path not in _METHODS:
            return Reply.problem(404, f"only {FAULTS} and {STATS} are here")
        if request.method not in _METHODS[path].split(", "):
            return Reply.problem(405, f"{path} takes {_METHODS[path]}", (("allow", _METHODS[path]),))
        if path == STATS:
            return Reply.json(self._stats())
        if request.method == "GET":
            return Reply.json(self._listed())
        if request.method == "DELETE":
            self._book.clear()
            await self._changed()
            return Reply(204)
        return await self._change(request)

    def _listed(self) -> list[dict[str, Any]]:
        now = self._now()
        listed = []
        for entry in self._book.entries:
            left = entry.left(now)
            ends = {} if left is None else {"left": round(left, 3)}
            listed.append({**entry.fault.to_json(), "hits": entry.hits, **ends})
        return listed

    async def _change(self, request: Request) -> Reply:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return Reply.problem(415, "send `content-type: application/json`, as `curl --json` does")
        try:
            value = request.json()
        except ValueError as error:
            return Reply.problem(400, f"the body is not JSON: {error}")
        faults, mistakes = self._read(value)
        if mistakes:
            errors = [{"pointer": mistake.pointer, "detail": mistake.detail} for mistake in mistakes]
            return Reply.problem(422, str(mistakes[0]), errors=errors)
        if request.method == "PUT":
            self._book.replace(faults)
        else:
            self._book.add(*faults)
        await self._changed()
        return Reply.json(self._listed())

    def _read(self, value: Any) -> tuple[list[Fault], list[BadFault]]:
        faults: list[Fault] = []
        mistakes: list[BadFault] = []
        for pointer, item in enumerate_items(value):
            try:
                fault = Fault.from_json(item, pointer)
                self._check_way_back(fault, pointer)
            except BadFault as error:
                mistakes.append(error)
            else:
                faults.append(fault)
        return faults, mistakes

    def _check_way_back(self, fault: Fault, pointer: str) -> None:
        if isinstance(fault.kind, BEFORE_REQUEST) and fault.duration is None and not self._apart:
            raise BadFault(
                f"{pointer}/duration",
                "is needed: this kind cuts off the control endpoint, so it must end by itself",
            )


def enumerate_items(value: Any) -> list[tuple[str, Any]]:
    """Return the faults in *value*, an array of them or a single one, each with its JSON pointer."""
    if isinstance(value, list):
        return [(f"/{index}", item) for index, item in enumerate(value)]
    return [("", value)]
