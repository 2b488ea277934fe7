"""What an orchestrator asks at the admin port, and what people ask there, `/healthz` (HE-1 to HE-4)."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import parse_qs

import orjson

from bff.clock import Clock
from bff.server.lifecycle import Lifecycle, Phase
from bff.server.ports import Receive, Scope, Send
from bff.server.problem import SECURITY, send_problem

Verdict = Literal["ready", "degraded", "failed"]
Check = Callable[[], Verdict]
"""Looks at something in memory, such as "keys fetched once"; never asks anything remote (HE-2)."""

Services = Callable[[], Mapping[str, object]]
"""Says how each service is, as JSON."""

SILENT_TOO_LONG: Final = 5.0
"""Seconds without a heartbeat after which the loop counts as stuck (HE-1)."""

_REMEMBERED: Final = 0.1


class Health:
    """The ASGI app of the probes, and of `/healthz`, which with `?verbose` also tells how the services are.

    The checks run at most ten times a second however often somebody asks (LS-5).

    Args:
        lifecycle: Whether the process starts, serves or leaves.
        clock: Tells when to check again.
        checks: What has to be well, by name.
        details: Further members of the answer about readiness.
        services: How each service is, for those who ask for it.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        *,
        clock: Clock,
        checks: Mapping[str, Check] | None = None,
        details: Callable[[], Mapping[str, object]] = dict,
        services: Services = dict,
    ) -> None:
        self._lifecycle = lifecycle
        self._clock = clock
        self._checks = dict(checks or {})
        self._details = details
        self._services = services
        self._verdicts: dict[str, Verdict] = {}
        self._fresh_until = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI has three
        """Answer one probe."""
        if scope["type"] != "http":
            raise RuntimeError(f"health speaks HTTP, not {scope['type']}")
        probes = {"/livez": self.live, "/readyz": self.ready, "/startupz": self.started}
        if scope["path"] == "/healthz":
            asked = parse_qs(scope["query_string"], keep_blank_values=True)
            probes["/healthz"] = self.verbose if b"verbose" in asked else self.ready
        probe = probes.get(scope["path"])
        if probe is None:
            await send_problem(send, HTTPStatus.NOT_FOUND, "Ask /livez, /readyz, /startupz or /healthz.")
        elif scope["method"] not in ("GET", "HEAD"):
            allow = ((b"allow", b"GET, HEAD"),)
            await send_problem(send, HTTPStatus.METHOD_NOT_ALLOWED, "Probes are read with GET.", headers=allow)
        else:
            await _send(send, *probe())

    def live(self) -> tuple[bool, dict[str, object]]:
        """Return whether the event loop turns, and the same as JSON (HE-1)."""
        alive = self._lifecycle.silent_for() < SILENT_TOO_LONG
        return alive, {"status": "alive" if alive else "stuck"}

    def started(self) -> tuple[bool, dict[str, object]]:
        """Return whether the start is over, and the same as JSON (HE-3)."""
        over = self._lifecycle.phase is not Phase.STARTING
        return over, {"status": "started" if over else "starting"}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Return whether requests should come here, and why (HE-2)."""
        if self._lifecycle.leaving:
            return False, {"status": "draining"}
        if self._lifecycle.phase is Phase.STARTING:
            return False, {"status": "starting"}
        verdicts = self._judge()
        worst = max(verdicts.values(), key=("ready", "degraded", "failed").index, default="ready")
        return worst != "failed", {"status": worst, "checks": verdicts, **self._details()}

    def judge_by(self, checks: Mapping[str, Check]) -> None:
        """Let *checks* take the place of those before."""
        self._checks = dict(checks)
        self._fresh_until = float("-inf")

    def verbose(self) -> tuple[bool, dict[str, object]]:
        """Return what `ready` does, and how each service is (HE-3)."""
        good, report = self.ready()
        return good, {**report, "upstreams": self._services()}

    def _judge(self) -> dict[str, Verdict]:
        now = self._clock.now()
        if now >= self._fresh_until:
            self._verdicts = {name: check() for name, check in self._checks.items()}
            self._fresh_until = now + _REMEMBERED
        return self._verdicts


async def _send(send: Send, good: bool, report: dict[str, object]) -> None:  # noqa: FBT001 - one probe's result
    body = orjson.dumps(report)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *SECURITY,
    ]
    await send({"type": "http.response.start", "status": 200 if good else 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
