"""Everything that hears of events in one process, put together."""

import logging
from collections.abc import Iterable, Mapping
from typing import TextIO

from fastapi import APIRouter

from bff.clock import Clock
from bff.events import ErrorTold, Notify
from bff.policy.load import PolicySet
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.server.colleagues import Colleagues
from bff.telemetry.admin import errors_route, metrics_route
from bff.telemetry.cells import Exemplar
from bff.telemetry.error_ring import ErrorRing
from bff.telemetry.fanout import Choosy, Hearing, telling
from bff.telemetry.journal import Journals
from bff.telemetry.logs import JsonLogs, StandardLogs
from bff.telemetry.metrics import Metrics
from bff.telemetry.story import HostAlias, sentences
from bff.telemetry.witness import TraceWitness
from bff.upstream.message import Origin
from bff.upstream.pipeline.balance import Host

_MOST_SENTENCES = 20
"""Sentences in the log line of an error; the admin port tells all."""


class Telemetry:
    """The listeners of one process.

    Args:
        policies: What services are called, and how long they may take.
        operations: What clients may ask and see.
        names: Operations that the application comes with.
        clock: Tells the time.
        stream: Where log lines go.
        verbose: Whether each attempt and operation has a line.
        readable: Whether lines are for people at a terminal instead of JSON.
        listeners: Further listeners, such as spans.
        exemplar: Names the current trace; None where nothing is traced.

    Attributes:
        notify: Tells all listeners.
    """

    def __init__(
        self,
        policies: PolicySet,
        operations: OperationsPolicy,
        *,
        clock: Clock,
        stream: TextIO,
        verbose: bool = False,
        readable: bool = False,
        names: Iterable[str] = (),
        listeners: Iterable[Notify | Choosy] = (),
        exemplar: Exemplar | None = None,
    ) -> None:
        self._clock = clock
        self.journals = Journals(clock)
        self.errors = ErrorRing(self.journals, wall=clock.wall)
        self.metrics = Metrics(policies.upstreams, operations, clock=clock, names=names, exemplar=exemplar)
        level = logging.DEBUG if verbose else logging.INFO
        logs = self._logs(stream, level, readable=readable)
        logging.basicConfig(handlers=[StandardLogs(logs)], level=logging.WARNING, force=True)
        self._hearing = Hearing((self.journals, logs, self.errors, self.metrics, *listeners))
        self.notify = telling(self._hearing)

    def add(self, listener: Notify | Choosy) -> None:
        """Let *listener* hear of events, too."""
        self._hearing.add(listener)

    def witness(
        self, policies: PolicySet, operations: OperationsPolicy, *, development: bool
    ) -> TraceWitness | None:
        """Return what tells `extensions.trace` under these policies; None where they let nobody see it."""
        policy = operations.trace
        if not development and policy.allow == "development":
            return None
        aliases = {name: one.alias or name for name, one in policies.upstreams.items()}
        return TraceWitness(
            self.journals,
            policy,
            everybody=development,
            alias=lambda name: aliases.get(name, name),
            host=host_aliases(policies.upstreams),
            clock=self._clock,
        )

    def routes(self, colleagues: Colleagues) -> tuple[APIRouter, ...]:
        """Return the routes for the admin port."""
        return metrics_route(self.metrics, colleagues), errors_route(self.errors, colleagues)

    def _logs(self, stream: TextIO, level: int, *, readable: bool) -> JsonLogs:
        if not readable:
            return JsonLogs(stream, wall=self._clock.wall, level=level, story=self._story)
        from bff.telemetry.terminal import TerminalLogs  # noqa: PLC0415 - rich is slow to import

        return TerminalLogs(stream, wall=self._clock.wall, level=level, story=self._story, operation=self._name_of)

    def _name_of(self, request_id: str) -> str | None:
        journal = self.journals.of(request_id)
        return None if journal is None else journal.name

    def _story(self, error: ErrorTold) -> list[str]:
        journal = self.journals.of(error.request_id)
        if journal is None or error.upstream is None:
            return []
        entries = list(journal.about(error.upstream))[-_MOST_SENTENCES:]
        return sentences(entries, journal.began)


def host_aliases(upstreams: Mapping[str, UpstreamPolicy]) -> HostAlias:
    """Return what names a host without its address: the upstream's alias and its place in the policy, from 1."""
    known: dict[Origin | None, str] = {}
    for name, policy in upstreams.items():
        for number, place in enumerate(policy.places, 1):
            known.setdefault(Host.parse(place.url).origin, f"{policy.alias or name}-{number}")
        for number, place in enumerate(policy.canary.places, 1):
            known.setdefault(Host.parse(place.url).origin, f"{policy.alias or name}-canary-{number}")
    return lambda origin: known.get(origin, "none" if origin is None else "unknown")
