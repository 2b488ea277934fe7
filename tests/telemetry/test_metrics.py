"""Events become numbers: all that resilience asks for, in few series, with buckets that show timeouts."""

import inspect
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bff.events
import bff.server.events
from bff.codes import Code
from bff.events import (
    AdminAction,
    ApiKeysRead,
    AttemptFinished,
    AuthenticationRefused,
    BreakerChanged,
    CacheUsed,
    CallFinished,
    CallStarted,
    ClientRefused,
    CostExceeded,
    CostSettled,
    DeprecatedFieldsUsed,
    DocumentsPrepared,
    DocumentUnusable,
    ErrorTold,
    Event,
    IntrospectionFailed,
    KeysFailed,
    KeysFetched,
    KeyUnknown,
    LimitChanged,
    LimiterDegraded,
    LimitExceeded,
    LoginRefused,
    OperationAbandoned,
    OperationFinished,
    OperationShared,
    PermitRefused,
    PermitWaited,
    SessionEnded,
    SessionOpened,
    SessionRenewed,
    TokenFetched,
    UntrustedDocument,
)
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.telemetry.buckets import buckets
from bff.telemetry.catalog import METRICS
from bff.telemetry.labels import Capped, names_in
from bff.telemetry.metrics import MOST_OPERATIONS, Metrics
from bff.testing import VirtualClock
from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome

ORIGIN = Origin("http", "10.0.0.7", 8080)
CATALOG = UpstreamPolicy(hosts=("https://10.0.0.7", "https://10.0.0.8"))

NOT_COUNTED = {"Event", "ErrorsTold", "GateOpened", "HostReturned"}
"""Told of by another event's metric, or by nothing but a log line."""


@pytest.fixture
def metrics():
    return Metrics({"catalog": CATALOG}, OperationsPolicy(), clock=VirtualClock())


def operation(name="Screen", errors=0, degraded=0, seconds=0.02):
    return OperationFinished("r1", name, "query", seconds, errors, degraded)


def attempt(outcome=Outcome.OK, seconds=0.02):
    return AttemptFinished("catalog", "dishes", ORIGIN, outcome, seconds, 200, "r1", 1, "default")


def test_an_operation_that_a_fault_was_done_to_is_no_failure_of_a_service(metrics):
    metrics(OperationFinished("r1", "Screen", "query", 0.02, 1, 0, injected=True))

    known = {"operation": "Screen", "kind": "query"}
    assert value(metrics, "bff_operations_total", **known, result="experiment") == 1
    assert value(metrics, "bff_operations_total", **known, result="partial") is None


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def test_red_of_operations(metrics):
    """Rate, errors, duration."""
    for event in (
        operation(),
        operation(errors=1, degraded=2),
        operation(degraded=1),
        OperationShared("r2", "Screen", "r1"),
        OperationAbandoned("r3", "Screen", "query", 0.1, "cancelled"),
    ):
        metrics(event)

    counted = {
        result: value(metrics, "bff_operations_total", operation="Screen", kind="query", result=result)
        for result in ("whole", "degraded", "partial", "shared", "cancelled")
    }
    assert counted == dict.fromkeys(counted, 1.0)
    assert value(metrics, "bff_operation_seconds_count", operation="Screen", kind="query") == 3.0
    assert value(metrics, "bff_degraded_fields_total") == 3.0


def test_red_of_services(metrics):
    metrics(CallStarted("catalog", "dishes", "r1", 1))
    metrics(attempt(Outcome.RESET, seconds=0.5))
    metrics(attempt())
    assert value(metrics, "bff_upstream_calls_in_flight", upstream="catalog") == 1.0
    metrics(CallFinished("catalog", "dishes", "r1", 1, Outcome.OK, 0.6))

    kinds = {"upstream": "catalog", "group": "default"}
    assert value(metrics, "bff_upstream_attempts_total", **kinds, **{"class": "RESET"}) == 1.0
    assert value(metrics, "bff_upstream_attempt_seconds_sum", **kinds) == pytest.approx(0.52)
    assert value(metrics, "bff_upstream_calls_in_flight", upstream="catalog") == 0.0
    call = {"upstream": "catalog", "endpoint": "dishes"}
    assert value(metrics, "bff_upstream_calls_total", **call, **{"class": "OK"}) == 1.0


def test_cb_16_a_breaker_is_closed_until_it_says_otherwise(metrics):
    """An alert needs a series that was there before the trouble."""
    place = {"upstream": "catalog", "group": "default"}
    assert value(metrics, "bff_breaker_state", **place) == 0.0

    metrics(BreakerChanged(*place.values(), "closed", "open", "failure_rate", 0.6, 0.1, 20, 5.0))

    assert value(metrics, "bff_breaker_state", **place) == 2.0
    assert value(metrics, "bff_breaker_failure_ratio", **place) == 0.6
    assert value(metrics, "bff_hosts", upstream="catalog") == 2.0
    assert value(metrics, "bff_concurrency_limit", upstream="catalog", group="") == 100.0


def test_errors_are_counted_by_code_and_service(metrics):
    metrics(ErrorTold("e1", "r1", Code.UPSTREAM_TIMEOUT, ("a",), "catalog", "", None))
    metrics(ErrorTold("e2", "r1", Code.INTERNAL_SERVER_ERROR, ("a",), None, "", None))

    assert value(metrics, "bff_errors_total", code="UPSTREAM_TIMEOUT", upstream="catalog") == 1.0
    assert value(metrics, "bff_errors_total", code="INTERNAL_SERVER_ERROR", upstream="") == 1.0
    assert value(metrics, "bff_errors_internal_total") == 1.0


def test_keys_are_counted_not_questions(metrics):
    metrics(CacheUsed("catalog", "dishes", "hit", 40, "local"))

    assert value(metrics, "bff_cache_requests_total", upstream="catalog", result="hit", tier="local") == 40.0


def test_every_wait_counts_also_one_in_vain(metrics):
    metrics(PermitWaited("catalog", "dishes", 0.25))
    metrics(PermitRefused("catalog", "dishes", "queue full", 0.5))

    assert value(metrics, "bff_queue_wait_seconds_sum", upstream="catalog") == 0.75
    assert value(metrics, "bff_queue_refused_total", upstream="catalog", reason="queue full") == 1.0


def test_lesson_24_names_that_clients_invent_become_one(metrics):
    for number in range(MOST_OPERATIONS + 50):
        metrics(operation(f"Invented{number}"))
    metrics(operation(None))

    counted = value(metrics, "bff_operations_total", operation="other", kind="query", result="whole")
    series = [
        sample
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "bff_operations_total"
    ]
    assert counted == 50.0
    assert len(series) == MOST_OPERATIONS + 2
    assert value(metrics, "bff_label_overflow_total", label="operation") >= 50.0


def test_a_known_name_has_its_own_label_however_late_it_comes():
    metrics = Metrics(
        {}, OperationsPolicy(deadlines={"Slow": timedelta(seconds=20)}), names=["Tab"], clock=VirtualClock()
    )
    for number in range(MOST_OPERATIONS + 1):
        metrics(operation(f"Invented{number}"))
    metrics(operation("Slow"))
    metrics(operation("Tab"))

    for name in ("Slow", "Tab"):
        assert value(metrics, "bff_operations_total", operation=name, kind="query", result="whole") == 1.0


def test_names_can_be_known_later_than_the_start(metrics):
    metrics.know(["Registered"])
    for number in range(MOST_OPERATIONS + 1):
        metrics(operation(f"Invented{number}"))
    metrics(operation("Registered"))

    assert value(metrics, "bff_operations_total", operation="Registered", kind="query", result="whole") == 1.0


@pytest.mark.parametrize(
    ("event", "name", "labels", "expected"),
    [
        (AuthenticationRefused("r", "token", "expired", "", ""), "bff_authentication_refused_total",
         {"means": "token", "reason": "expired"}, 1),
        (KeyUnknown("https://id", "k"), "bff_jwks_unknown_keys_total", {"issuer": "https://id"}, 1),
        (IntrospectionFailed("https://id", "", stale=True), "bff_introspection_failures_total",
         {"issuer": "https://id", "used": "stale"}, 1),
        (ApiKeysRead(3, "broken"), "bff_api_key_reads_total", {"result": "failed"}, 1),
        (TokenFetched("catalog", "refreshed", 0.1, ""), "bff_token_refresh_total",
         {"upstream": "catalog", "result": "refreshed"}, 1),
        (AdminAction("ada", "breakers", "", "127.0.0.1", "refused", 403), "bff_admin_actions_total",
         {"result": "refused"}, 1),
        (SessionOpened(), "bff_sessions_opened_total", {}, 1),
        (SessionEnded("logout", 3), "bff_sessions_ended_total", {"reason": "logout"}, 3),
        (SessionRenewed(ok=False, reason=""), "bff_session_renewals_total", {"result": "failed"}, 1),
        (LoginRefused("callback", ""), "bff_login_refused_total", {"step": "callback"}, 1),
        (ClientRefused("r", "version", ""), "bff_clients_refused_total", {"reason": "version"}, 1),
        (CostExceeded("r", "Screen", 9.0, 5.0, enforced=True), "bff_cost_exceeded_total",
         {"decision": "refused"}, 1),
        (UntrustedDocument("r", "0f", allowed=True), "bff_untrusted_documents_total", {"decision": "ran"}, 1),
        (DocumentsPrepared(3, 5, 1, 0.1), "bff_documents_prepared", {}, 3),
        (DocumentsPrepared(3, 5, 1, 0.1), "bff_documents", {}, 5),
        (DocumentUnusable("h", "Home", ""), "bff_documents_unusable_total", {}, 1),
        (DeprecatedFieldsUsed("r", "web", "1", ("Dish.price", "Dish.old")), "bff_deprecated_fields_total", {}, 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else "",
)  # fmt: skip
def test_what_happens_to_callers_is_counted(metrics, event, name, labels, expected):
    metrics(event)

    assert value(metrics, name, **labels) == expected


async def test_the_age_of_keys_is_as_of_the_look():
    clock = VirtualClock()
    metrics = Metrics({}, OperationsPolicy(), clock=clock)
    metrics(KeysFailed("https://never", "down", 1.0, None))
    metrics(KeysFetched("https://id", 2, 2, 0))

    await clock.advance(90)
    assert value(metrics, "bff_jwks_age_seconds", issuer="https://id") == 90.0
    assert value(metrics, "bff_jwks_age_seconds", issuer="https://never") == float("inf")

    metrics(KeysFailed("https://id", "down", 1.0, 90.0))
    await clock.advance(10)
    assert value(metrics, "bff_jwks_age_seconds", issuer="https://id") == 100.0

    metrics(KeysFetched("https://id", 2, 0, 0))
    assert value(metrics, "bff_jwks_age_seconds", issuer="https://id") == 0.0
    assert value(metrics, "bff_jwks_fetches_total", issuer="https://id", result="fetched") == 2.0


def test_limits_are_counted_by_layer_whatever_their_names(metrics):
    """An operation's limit carries its name, which would be a series of its own each."""
    metrics(LimitExceeded("r1", "web", "operation.Home", True, "store"))
    metrics(LimitExceeded("r2", "web", "operation.Search", True, "store"))
    metrics(LimitExceeded("r3", "web", "user", False, "share"))

    name = "bff_ratelimit_decisions_total"
    assert value(metrics, name, layer="operation", decision="refused", store="store") == 2.0
    assert value(metrics, name, layer="user", decision="measured", store="share") == 1.0


def test_the_limiter_is_whole_until_it_says_otherwise(metrics):
    assert value(metrics, "bff_limiter_degraded") == 0.0
    metrics(LimiterDegraded(True))
    assert value(metrics, "bff_limiter_degraded") == 1.0
    metrics(LimiterDegraded(False))
    assert value(metrics, "bff_limiter_degraded") == 0.0


def test_cost_is_summed_by_operation(metrics):
    metrics(CostSettled("r1", "Screen", 40.0, 12.0))
    metrics(CostSettled("r2", "Screen", 10.0, 10.0))

    assert value(metrics, "bff_cost_estimated_total", operation="Screen") == 50.0
    assert value(metrics, "bff_cost_actual_total", operation="Screen") == 22.0


def test_a_limit_belongs_to_its_group(metrics):
    metrics(LimitChanged("catalog", "reads", 7))

    assert value(metrics, "bff_concurrency_limit", upstream="catalog", group="reads") == 7.0
    assert value(metrics, "bff_concurrency_limit", upstream="catalog", group="") == 100.0


@given(st.lists(st.text(min_size=1, max_size=3)), st.integers(0, 5))
def test_there_are_never_more_values_than_allowed(values, most):
    capped = Capped(["known"], most, lambda: None)

    assert len({capped.of(value) for value in values} - {"other", "known"}) <= most


def test_operations_of_files_are_known_by_name(tmp_path):
    (tmp_path / "a.graphql").write_text("query Home { a } mutation Go { b } { c }")
    (tmp_path / "b.graphql").write_text("not GraphQL")

    assert names_in(tmp_path) == {"Home", "Go"}


@given(st.lists(st.integers(2, 60_000), min_size=1, max_size=5))
def test_buckets_bracket_every_timeout(milliseconds):
    """A wall of calls that ended by timeout is a step between two bounds, not a slope."""
    upstreams = {
        f"u{number}": UpstreamPolicy(
            hosts=("http://127.0.0.1:1",),
            timeouts={"attempt": f"{ms}ms", "total": f"{ms}ms", "queue": "1ms", "connect": "1ms"},
            breaker={"window": "3m"},
        )
        for number, ms in enumerate(milliseconds)
    }
    for times in ("attempt", "call"):
        bounds = buckets(times, upstreams, OperationsPolicy())
        assert list(bounds) == sorted(set(bounds))
        for ms in milliseconds:
            assert any(0.9 * ms <= bound * 1000 < ms for bound in bounds)
            assert any(ms < bound * 1000 <= 1.1 * ms for bound in bounds)


def test_the_deadline_of_operations_is_bracketed():
    bounds = buckets("operation", {}, OperationsPolicy(deadline=timedelta(seconds=7)))

    assert any(6.3 <= bound < 7 for bound in bounds)
    assert any(7 < bound <= 7.7 for bound in bounds)


def test_each_metric_is_named_as_prometheus_wants_it():
    names = [metric.name for metric in METRICS]

    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert re.fullmatch(r"bff_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.name.endswith("_seconds") or metric.kind != "histogram"
        assert metric.help.endswith(".")


def test_each_event_is_counted_or_known_not_to_be():
    """Whoever adds an event decides."""
    counted = {event.__name__ for metric in METRICS for event in metric.of}
    events = {
        name
        for module in (bff.events, bff.server.events)
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Event)
    }

    assert events - counted == NOT_COUNTED


def test_the_list_of_resilience_is_whole():
    page = (Path(bff.events.__file__).parents[1] / "telemetry" / "METRICS.md").read_text("utf-8")

    for name in (
        "upstream_attempts_total",
        "upstream_attempt_seconds",
        "upstream_call_seconds",
        "retries_total",
        "retry_suppressed_total",
        "retry_budget_balance",
        "hedges_total",
        "breaker_state",
        "breaker_transitions_total",
        "breaker_not_permitted_total",
        "ejected_hosts",
        "upstream_calls_in_flight",
        "queue_wait_seconds",
        "concurrency_limit",
        "cache_requests_total",
        "coalesced_total",
        "shed_total",
        "loop_lag_seconds",
        "degraded_fields_total",
        "errors_total",
        "ratelimit_decisions_total",
        "cost_estimated_total",
        "cost_actual_total",
        "jwks_age_seconds",
        "token_refresh_total",
    ):
        assert f"`bff_{name}`" in page


def test_an_exemplar_leads_from_a_bucket_to_a_trace():
    metrics = Metrics({}, OperationsPolicy(), exemplar=lambda: {"trace_id": "4bf92f"}, clock=VirtualClock())
    metrics(operation())

    (family,) = [family for family in metrics.registry.collect() if family.name == "bff_operation_seconds"]
    assert [sample.exemplar.labels for sample in family.samples if sample.exemplar] == [{"trace_id": "4bf92f"}]
