"""Every knob that the specification of resilience names is a policy key, and has the default that it states."""

import pytest

from bff.policy.auth import AuthPolicy, Issuer
from bff.policy.caching import StorePolicy
from bff.policy.clients import ClientDefaults
from bff.policy.docstrings import describe
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.policy.render import field_as_yaml, paths_of
from bff.policy.resilience import RetryRules
from bff.upstream.pipeline.circuit import Thresholds

OPERATIONS = {
    "deadline": "10s",
    "deadline_max": "30s",
    "deadline_reserve": "50ms",
    "min_attempt_time": "10ms",
    "max_concurrent_attempts": "64",
    "max_attempts_total": "256",
    "default_max_age": "0s",
    "limits.body": "256KiB",
    "limits.tokens": "1000",
    "limits.depth": "15",
    "limits.aliases": "30",
    "limits.directives_per_field": "10",
    "limits.validation_time": "250ms",
    "limits.max_errors": "100",
    "cost.max_cost": "1000",
    "cost.list_size": "10",
    "cost.mutation": "10.0",
    "shedding.lag.bulk": "50ms",
    "shedding.lag.degraded": "100ms",
    "shedding.lag.default": "250ms",
    "shedding.lag.critical": "1s",
    "drain.delay": "5s",
    "drain.timeout": "20s",
    "partial_status": "200",
    "request_error_status": "draft",
}
UPSTREAM = {
    "timeouts.total": "5s",
    "timeouts.attempt": "2s",
    "timeouts.connect": "500ms",
    "timeouts.read_idle": "2s",
    "timeouts.write_idle": "2s",
    "timeouts.queue": "100ms",
    "timeouts.dns": "1s",
    "pool.dns_refresh": "30s",
    "pool.dns_stale": "10m",
    "pool.max_connections": "110",
    "pool.keepalive_expiry": "15s",
    "pool.max_age": "5m",
    "limits.max_response_bytes": "8MiB",
    "limits.max_header_bytes": "64KiB",
    "limits.max_header_count": "100",
    "retry.attempts": "2",
    "retry.first_delay": "25ms",
    "retry.max_delay": "250ms",
    "retry.jitter": "full",
    "retry.statuses": "[408, 425, 429, 502, 503, 504]",
    "retry.retry_after_max_wait": "1s",
    "retry.gate_max": "1m",
    "retry.budget.ratio": "20%",
    "retry.budget.ttl": "10s",
    "retry.budget.reserve": "2",
    "retry.replay_buffer": "64KiB",
    "hedge.enabled": "false",
    "hedge.min_delay": "1ms",
    "hedge.extra_load": "5%",
    "breaker.window": "10s",
    "breaker.min_calls": "20",
    "breaker.failure_rate": "50%",
    "breaker.slow_rate": "80%",
    "breaker.slow_call": "null",
    "breaker.consecutive_failures": "5",
    "breaker.open_time": "5s",
    "breaker.max_open_time": "1m",
    "breaker.open_jitter": "20%",
    "breaker.half_open_permits": "3",
    "breaker.half_open_successes": "2",
    "breaker.probe_lease": "null",
    "breaker.shared_hints": "false",
    "outlier.consecutive": "5",
    "outlier.base": "10s",
    "outlier.max": "5m",
    "outlier.percent": "50%",
    "outlier.success_rate_hosts": "5",
    "outlier.success_rate_calls": "100",
    "outlier.success_rate_factor": "1.9",
    "bulkhead.max_concurrency": "100",
    "bulkhead.queue": "50",
    "codel.target": "5ms",
    "codel.interval": "100ms",
    "adaptive.enabled": "false",
    "adaptive.min": "5",
    "adaptive.initial": "20",
    "adaptive.max": "100",
    "adaptive.smoothing": "20%",
    "adaptive.tolerance": "1.5",
    "adaptive.queue": "4",
    "adaptive.long_window": "600",
    "balance.policy": "p2c",
    "balance.ewma_tau": "10s",
    "balance.panic_threshold": "50%",
    "balance.overprovision": "1.4",
    "balance.failback_hold": "10s",
    "balance.maglev_table": "65537",
    "balance.bounded_load": "null",
    "slow_start.window": "30s",
    "slow_start.min_weight": "10%",
    "slow_start.aggression": "1.0",
    "health.interval": "5s",
    "health.timeout": "1s",
    "health.unhealthy": "3",
    "health.healthy": "2",
    "health.jitter": "20%",
    "health.no_traffic_interval": "1m",
    "cache.scope": "auto",
    "cache.default_ttl": "0s",
    "cache.max_ttl": "1d",
    "cache.stale_while_revalidate": "0s",
    "cache.stale_if_error": "null",
    "cache.negative_ttl": "0s",
    "cache.ttl_jitter": "10%",
    "cache.early_refresh": "1.0",
    "credentials.mode": "none",
    "credentials.refresh_ahead": "80%",
    "credentials.expiry_margin": "30s",
    "forward.headers": "[accept-language, traceparent, tracestate]",
}
STORE = {
    "entry_max": "1MiB",
    "local_max": "256MiB",
    "local_entries": "10000",
    "local_ttl": "30s",
    "connect_timeout": "200ms",
    "command_timeout": "50ms",
    "ratelimit.command_timeout": "20ms",
    "pool_size": "50",
    "pool_wait": "50ms",
    "breaker_errors": "5",
    "breaker_open": "2s",
    "breaker_open_max": "30s",
    "lease_max": "5s",
}
CLIENTS = {
    "limits.user.algorithm": "gcra",
    "limits.user.burst": "null",
    "limits.user.rate": "600 per minute",
    "limits.user.on_store_error": "local",
    "limits.anonymous.rate": "60 per minute",
    "limits.cost.burst": "5000",
    "limits.cost.rate": "100 per second",
    "limits.concurrency.max": "20",
    "disclose": "everybody",
    "legacy_headers": "false",
}
AUTH = {
    "max_token_bytes": "8KiB",
    "keys.soft_ttl": "5m",
    "keys.hard_ttl": "1d",
    "keys.cooldown": "30s",
    "keys.timeout": "3s",
    "introspection.positive_ttl": "1m",
    "introspection.negative_ttl": "10s",
    "dpop.max_age": "1m",
    "dpop.max_ahead": "5s",
    "dpop.nonce": "off",
    "login.idle": "30m",
    "login.absolute": "8h",
    "login.refresh_ahead": "80%",
    "login.expiry_margin": "30s",
}
ISSUER = {"algorithms": "[RS256, PS256, ES256, EdDSA]", "leeway": "30s", "profile": "lenient"}
TABLES = {
    OperationsPolicy: OPERATIONS,
    UpstreamPolicy: UPSTREAM,
    StorePolicy: STORE,
    ClientDefaults: CLIENTS,
    AuthPolicy: AUTH,
    Issuer: ISSUER,
}
ROWS = [
    pytest.param(model, key, value, id=f"{model.__name__}.{key}")
    for model, table in TABLES.items()
    for key, value in table.items()
]


@pytest.mark.parametrize(("model", "key", "value"), ROWS)
def test_a_knob_has_the_default_that_the_specification_states(model, key, value):
    describe(model)
    fields = {".".join(path): field for path, field in paths_of(model)}

    assert field_as_yaml(fields[key], fields[key].get_default(call_default_factory=True)) == value
    assert fields[key].description


def test_what_an_absent_key_means():
    """Table 17 derives these from other knobs."""
    sound = UpstreamPolicy(hosts=("https://catalog.internal",), cache={"default_ttl": "10s"})
    attempt = sound.timeouts.attempt.total_seconds()
    thresholds = Thresholds.of(sound.breaker, attempt)

    assert thresholds.slow_call == pytest.approx(0.8 * attempt)
    assert thresholds.lease == max(attempt, 10.0)
    assert sound.cache.stale_if_error_seconds == 300
    assert ClientDefaults().limits.user.at_once == 600 // 5


def test_no_policy_repeats_more_often_than_the_hard_cap():
    """RT-1."""
    assert RetryRules(attempts=5).attempts == 5
    with pytest.raises(ValueError, match="less than or equal to 5"):
        RetryRules(attempts=6)
