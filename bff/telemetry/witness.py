"""`extensions.trace`: tells a caller who may know what became of each call of the operation."""

from collections.abc import Mapping
from typing import Any

from bff.clock import Clock
from bff.execution.messages import Ingress
from bff.policy.tracing import Trace
from bff.telemetry.journal import MOST_ENTRIES, Journal, Journals
from bff.telemetry.story import Alias, Calls, HostAlias


class TraceWitness:
    """Tells traces out of *journals*.

    Args:
        journals: What events said.
        policy: Who may know.
        everybody: Whether whoever sends the header may, as in development.
        alias: Public name of an upstream.
        host: Public name of a host.
        clock: The one of *journals*.
    """

    def __init__(
        self, journals: Journals, policy: Trace, *, everybody: bool, alias: Alias, host: HostAlias, clock: Clock
    ) -> None:
        self._journals = journals
        self._header = policy.header
        self._scope = policy.scope if policy.allow == "scope" else None
        self._everybody = everybody
        self._alias = alias
        self._host = host
        self._now = clock.now

    def asked(self, ingress: Ingress) -> bool:
        """Return whether the caller of *ingress* asks for a trace and may have it."""
        if not self._everybody and self._scope not in ingress.principal.scopes:
            return False
        return ingress.headers.get(self._header, "0") not in {"", "0", "false"}

    def story(self, request_id: str) -> Journal | None:
        """Return the journal of the operation that has just begun."""
        return self._journals.of(request_id)

    def tell(self, story: object, request_id: str) -> Mapping[str, Any]:
        """Return the trace in *story*; `executedBy` names the executed request where that is not *request_id*."""
        assert isinstance(story, Journal)
        now = self._now()
        calls = Calls(story.began, now, alias=self._alias, host=self._host).of(story.entries)
        told: dict[str, Any] = {
            "requestId": request_id,
            "ms": round((now - story.began) * 1000, 1),
            "calls": calls,
        }
        if len(story.entries) >= MOST_ENTRIES:
            told["incomplete"] = True
        return told if story.request_id == request_id else {**told, "executedBy": story.request_id}
