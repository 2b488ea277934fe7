"""Metrics of what is tried on purpose: faults, canaries, copies of calls."""

from bff.events import (
    CanaryCalled,
    CanaryStopped,
    ExperimentEnded,
    ExperimentStarted,
    FaultInjected,
    ShadowCompared,
)
from bff.telemetry.metric import Metric


def _arm(event: CanaryCalled) -> str:
    return "fell_back" if event.fell_back else "failed" if event.failed else "ok"


TRIALS = [
    Metric(
        "bff_experiments_running",
        "level",
        "Fault experiments of operators that run.",
        {
            ExperimentStarted: lambda event: (1, event.upstream),
            ExperimentEnded: lambda event: (-1, event.upstream),
        },
        ("upstream",),
    ),
    Metric(
        "bff_faults_injected_total",
        "counter",
        "Faults that were done to calls on purpose, by kind and by who asked: experiment, header.",
        {
            FaultInjected: lambda event: (
                1,
                event.upstream,
                event.kind,
                "experiment" if event.experiment else "header",
            )
        },
        ("upstream", "kind", "by"),
    ),
    Metric(
        "bff_canary_calls_total",
        "counter",
        "Attempts of upstreams with a canary, by hosts and result; fell_back: not sent, the own hosts took over.",
        {CanaryCalled: lambda event: (1, event.upstream, event.arm, _arm(event))},
        ("upstream", "arm", "result"),
    ),
    Metric(
        "bff_canary_stopped_total",
        "counter",
        "Canaries that were stopped because they failed more often than the own hosts.",
        {CanaryStopped: lambda event: (1, event.upstream)},
        ("upstream",),
    ),
    Metric(
        "bff_shadow_compared_total",
        "counter",
        "Copies of calls: same, different, unread (not compared), failed (no answer), dropped (too many at once).",
        {ShadowCompared: lambda event: (1, event.upstream, event.result)},
        ("upstream", "result"),
    ),
]
