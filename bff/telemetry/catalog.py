"""All metrics: the mapping from events. To add one, write it here; `make reference` prints METRICS.md from it."""

from collections.abc import Mapping

from bff.codes import Code
from bff.events import (
    AdminAction,
    AttemptFinished,
    BreakerChanged,
    BreakerProbed,
    BreakerRefused,
    CacheUsed,
    CallFinished,
    CallStarted,
    Coalesced,
    ErrorTold,
    Event,
    FellBack,
    GateClosed,
    HealthChanged,
    HedgeFinished,
    HostEjected,
    HostsCounted,
    LimitChanged,
    OperationAbandoned,
    OperationFinished,
    OperationShared,
    OperationStarted,
    PermitRefused,
    PermitWaited,
    Reloaded,
    ReloadFailed,
    Retrying,
    RetrySuppressed,
    Shed,
    StoreFailed,
)
from bff.server.events import DrainAdvanced, ExchangeStopped, HintIgnored, LoopTurned
from bff.telemetry.caller_catalog import ALLOWANCE, AUTHENTICATION, DOCUMENTS
from bff.telemetry.metric import Alike, Metric
from bff.telemetry.trial_catalog import TRIALS

BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2, "forced_open": 3, "disabled": 4, "metrics_only": 5}
"""Values of `bff_breaker_state` (CB-16)."""


def _result(event: OperationFinished) -> str:
    if event.injected:
        return "experiment"
    return "partial" if event.errors else "degraded" if event.degraded else "whole"


_OPERATION = ("operation", "kind")
_CALL = ("upstream", "endpoint")
_GROUP = ("upstream", "group")

OPERATIONS = [
    Metric(
        "bff_operations_total",
        "counter",
        "Operations that ended, by result: whole, degraded (stale or default parts), partial (errors), shared "
        "(answered by an equal one under way), kept (by an equal one before, still fresh), cancelled, refused, "
        "experiment (a fault was done to it alone, on purpose).",
        {
            OperationFinished: lambda event: (1, event.name, event.kind, _result(event)),
            OperationShared: lambda event: (1, event.name, "query", "shared" if event.age is None else "kept"),
            OperationAbandoned: lambda event: (1, event.name, event.kind, event.reason),
        },
        (*_OPERATION, "result"),
    ),
    Metric(
        "bff_operation_seconds",
        "histogram",
        "How long operations took that were answered.",
        {OperationFinished: lambda event: (event.seconds, event.name, event.kind)},
        _OPERATION,
        "operation",
    ),
    Metric(
        "bff_operations_in_flight",
        "level",
        "Operations under way.",
        {
            OperationStarted: lambda _: (1,),
            OperationFinished: lambda _: (-1,),
            OperationAbandoned: lambda _: (-1,),
        },
    ),
    Metric(
        "bff_errors_total",
        "counter",
        "Errors that clients read, by code, and by service where one caused it.",
        {ErrorTold: lambda event: (1, event.code, event.upstream or "")},
        ("code", "upstream"),
    ),
    Metric(
        "bff_errors_internal_total",
        "counter",
        "Errors that are faults of ours.",
        {ErrorTold: lambda event: (1,) if event.code is Code.INTERNAL_SERVER_ERROR else None},
    ),
    Metric(
        "bff_degraded_fields_total",
        "counter",
        "Parts of answers that were stale or a default.",
        {OperationFinished: lambda event: (event.degraded,) if event.degraded else None},
    ),
]
UPSTREAMS = [
    Metric(
        "bff_upstream_calls_total",
        "counter",
        "Calls to endpoints that ended, by outcome, however they were answered.",
        {CallFinished: lambda event: (1, event.upstream, event.endpoint, event.outcome)},
        (*_CALL, "class"),
    ),
    Metric(
        "bff_upstream_call_seconds",
        "histogram",
        "How long calls took, with waits and repetitions.",
        {CallFinished: lambda event: (event.seconds, event.upstream, event.endpoint)},
        _CALL,
    ),
    Metric(
        "bff_upstream_calls_in_flight",
        "level",
        "Calls under way.",
        {CallStarted: lambda event: (1, event.upstream), CallFinished: lambda event: (-1, event.upstream)},
        ("upstream",),
    ),
    Metric(
        "bff_upstream_attempts_total",
        "counter",
        "Requests to services that ended, by outcome.",
        {AttemptFinished: lambda event: (1, event.upstream, event.group, event.outcome)},
        (*_GROUP, "class"),
    ),
    Metric(
        "bff_upstream_attempt_seconds",
        "histogram",
        "How long requests to services took.",
        {AttemptFinished: lambda event: (event.seconds, event.upstream, event.group)},
        _GROUP,
        "attempt",
    ),
    Metric(
        "bff_retries_total",
        "counter",
        "Calls that were sent again, by the outcome that was the reason.",
        {Retrying: lambda event: (1, event.upstream, event.reason)},
        ("upstream", "reason"),
    ),
    Metric(
        "bff_retry_suppressed_total",
        "counter",
        "Calls that might have been sent again and were not.",
        {RetrySuppressed: lambda event: (1, event.upstream, event.reason)},
        ("upstream", "reason"),
    ),
    Metric(
        "bff_retry_budget_balance",
        "gauge",
        "Repetitions that the budget still allowed when a call failed last.",
        {
            Retrying: lambda event: (event.balance, event.upstream),
            RetrySuppressed: lambda event: (event.balance, event.upstream),
        },
        ("upstream",),
    ),
    Metric(
        "bff_hedges_total",
        "counter",
        "Second sends of a slow call, by whether their answer was used.",
        {HedgeFinished: lambda event: (1, event.upstream, "won" if event.won else "lost")},
        ("upstream", "result"),
    ),
    Metric(
        "bff_coalesced_total",
        "counter",
        "Calls that were not made because an equal one was under way.",
        {Coalesced: lambda event: (1, event.upstream)},
        ("upstream",),
    ),
    Metric(
        "bff_fallbacks_total",
        "counter",
        "Failures that were answered with a stale, alternate or default value.",
        {FellBack: lambda event: (1, event.upstream, event.reason)},
        ("upstream", "reason"),
    ),
    Metric(
        "bff_cache_requests_total",
        "counter",
        "Keys that the cache was asked for: hit, stale, early (refreshed before its time), miss, revalidated.",
        {CacheUsed: lambda event: (event.items, event.upstream, event.result, event.tier or "")},
        ("upstream", "result", "tier"),
    ),
]
PROTECTION = [
    Metric(
        "bff_breaker_state",
        "gauge",
        "State of a circuit breaker: 0 closed, 1 half-open, 2 open, 3 forced open, 4 disabled, 5 metrics only.",
        {BreakerChanged: lambda event: (BREAKER_STATES[event.after], event.upstream, event.group)},
        _GROUP,
    ),
    Metric(
        "bff_breaker_transitions_total",
        "counter",
        "Changes of state of a circuit breaker.",
        {BreakerChanged: lambda event: (1, event.upstream, event.group, event.before, event.after, event.cause)},
        (*_GROUP, "from", "to", "cause"),
    ),
    Metric(
        "bff_breaker_failure_ratio",
        "gauge",
        "Share of failed calls in a breaker's window when its state changed last; -1 below the minimum of calls.",
        {BreakerChanged: lambda event: (event.failure_rate, event.upstream, event.group)},
        _GROUP,
    ),
    Metric(
        "bff_breaker_slow_ratio",
        "gauge",
        "Share of slow calls in a breaker's window when its state changed last; -1 below the minimum of calls.",
        {BreakerChanged: lambda event: (event.slow_rate, event.upstream, event.group)},
        _GROUP,
    ),
    Metric(
        "bff_breaker_not_permitted_total",
        "counter",
        "Calls that were not made because a circuit breaker was open.",
        {BreakerRefused: lambda event: (1, event.upstream, event.group)},
        _GROUP,
    ),
    Metric(
        "bff_breaker_probes_total",
        "counter",
        "Probes of half-open circuit breakers.",
        {BreakerProbed: lambda event: (1, event.upstream, event.group, event.result)},
        (*_GROUP, "result"),
    ),
    Metric(
        "bff_gate_closed_total",
        "counter",
        "Times that a host asked for silence and got it.",
        {GateClosed: lambda event: (1, event.upstream, event.cause)},
        ("upstream", "cause"),
    ),
    Metric(
        "bff_hosts",
        "gauge",
        "Hosts of an upstream.",
        {HostsCounted: lambda event: (event.total, event.upstream)},
        ("upstream",),
    ),
    Metric(
        "bff_available_hosts",
        "gauge",
        "Hosts that can be called.",
        {HostsCounted: lambda event: (event.available, event.upstream)},
        ("upstream",),
    ),
    Metric(
        "bff_ejected_hosts",
        "gauge",
        "Hosts that are left alone because they failed.",
        {HostsCounted: lambda event: (event.ejected, event.upstream)},
        ("upstream",),
    ),
    Metric(
        "bff_host_ejections_total",
        "counter",
        "Times that a host was ejected.",
        {HostEjected: lambda event: (1, event.upstream, event.cause)},
        ("upstream", "cause"),
    ),
    Metric(
        "bff_host_health_changes_total",
        "counter",
        "Changes of what hosts say of their own health.",
        {HealthChanged: lambda event: (1, event.upstream, event.state)},
        ("upstream", "state"),
    ),
    Metric(
        "bff_queue_wait_seconds",
        "histogram",
        "How long attempts that could not start at once waited for their turn, whether or not it came.",
        {
            PermitWaited: lambda event: (event.waited, event.upstream),
            PermitRefused: lambda event: (event.waited, event.upstream),
        },
        ("upstream",),
        "queue",
    ),
    Metric(
        "bff_queue_refused_total",
        "counter",
        "Attempts that were not let through to a service.",
        {PermitRefused: lambda event: (1, event.upstream, event.reason)},
        ("upstream", "reason"),
    ),
    Metric(
        "bff_concurrency_limit",
        "gauge",
        "Attempts that may run at once; an empty group stands for the whole service.",
        {LimitChanged: lambda event: (event.limit, event.upstream, event.group)},
        _GROUP,
    ),
    Metric(
        "bff_store_failures_total",
        "counter",
        "Commands to the shared store that failed, or were not sent because it fails.",
        {StoreFailed: lambda event: (1, event.use, "yes" if event.refused else "no")},
        ("use", "refused"),
    ),
]
PROCESS = [
    Metric(
        "bff_admin_actions_total",
        "counter",
        "What people did through the admin port, or tried to: done, refused, failed.",
        {AdminAction: lambda event: (1, event.result)},
        ("result",),
    ),
    Metric(
        "bff_shed_total",
        "counter",
        "Requests that were refused because there was too much to do.",
        {Shed: lambda event: (1, event.priority, event.reason)},
        ("priority", "reason"),
    ),
    Metric(
        "bff_loop_lag_seconds",
        "gauge",
        "How late the event loop is: the median of the last second.",
        {LoopTurned: lambda event: (event.lag,)},
    ),
    Metric(
        "bff_requests_in_flight",
        "gauge",
        "HTTP requests from their first byte to the last byte of their answer.",
        {LoopTurned: lambda event: (event.in_flight,)},
    ),
    Metric(
        "bff_requests_stopped_total",
        "counter",
        "HTTP requests that ended before their answer was delivered.",
        {ExchangeStopped: lambda event: (1, event.reason)},
        ("reason",),
    ),
    Metric(
        "bff_deadline_hints_ignored_total",
        "counter",
        "Deadline headers of clients that were not used.",
        {HintIgnored: lambda event: (1, event.reason)},
        ("reason",),
    ),
    Metric(
        "bff_draining",
        "gauge",
        "1 from the signal to leave until the process has ended.",
        {DrainAdvanced: lambda _: (1,)},
    ),
    Metric(
        "bff_drain_cancelled",
        "gauge",
        "Requests that were still in flight when the time for draining was up.",
        {DrainAdvanced: lambda event: (event.in_flight,) if event.step == "cancelled" else None},
    ),
]
CONFIGURATION = [
    Metric(
        "bff_config_reloads_total",
        "counter",
        "Times that policies were read after the start: applied, unchanged, failed (everything stays as it was).",
        {
            Reloaded: lambda event: (event.cause != "start", "unchanged" if event.unchanged else "applied"),
            ReloadFailed: lambda _: (1, "failed"),
        },
        ("result",),
    ),
    Metric(
        "bff_config_last_reload_successful",
        "gauge",
        "1 where the files are what is in force, 0 where they were read last and cannot be used.",
        {Reloaded: lambda _: (1,), ReloadFailed: lambda _: (0,)},
    ),
    Metric(
        "bff_config_last_reload_success_timestamp_seconds",
        "gauge",
        "When policies were read last and could be used, in seconds since the epoch.",
        {Reloaded: lambda event: (event.at,)},
    ),
    Metric(
        "bff_config_generation",
        "gauge",
        "How many sets of policies this process has had in force, the first one included.",
        {Reloaded: lambda event: (event.generation,)},
    ),
    Metric(
        "bff_config_restart_needed",
        "gauge",
        "Keys that are different in the files and wait for a restart.",
        {Reloaded: lambda event: (len(event.restart),)},
    ),
]
OVERFLOW = Metric(
    "bff_label_overflow_total",
    "counter",
    "Events that were counted under `other`, because a label has as many values as it may.",
    {},
    ("label",),
)
METRICS: tuple[Metric, ...] = (
    *OPERATIONS,
    *UPSTREAMS,
    *PROTECTION,
    *AUTHENTICATION,
    *ALLOWANCE,
    *DOCUMENTS,
    *TRIALS,
    *CONFIGURATION,
    *PROCESS,
)
SECTIONS = {
    "Operations": OPERATIONS,
    "Services": UPSTREAMS,
    "Protection of services": PROTECTION,
    "Authentication": AUTHENTICATION,
    "What callers may spend": ALLOWANCE,
    "Documents": DOCUMENTS,
    "What is tried on purpose": TRIALS,
    "Policies": CONFIGURATION,
    "This process": [*PROCESS, OVERFLOW],
}

ALIKE: Mapping[type[Event], Alike] = {
    OperationStarted: Alike(),
    OperationFinished: Alike(("name", "kind", "errors", "degraded", "injected"), timed=True),
    OperationShared: Alike(("name", "age.__class__")),
    CallStarted: Alike(("upstream",)),
    CallFinished: Alike(("upstream", "endpoint", "outcome"), timed=True),
    AttemptFinished: Alike(("upstream", "group", "outcome"), timed=True),
    CacheUsed: Alike(("upstream", "result", "tier", "items")),
    Coalesced: Alike(("upstream",)),
}
"""Events that come with every request: what metrics read in them decides; a law in the tests holds it true."""
