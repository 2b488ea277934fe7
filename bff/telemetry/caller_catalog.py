"""The metrics about callers: whom they are, what they may spend, which documents they send."""

from math import inf

from bff.events import (
    ApiKeysRead,
    AuthenticationRefused,
    ClientRefused,
    CostExceeded,
    CostSettled,
    DeprecatedFieldsUsed,
    DocumentsPrepared,
    DocumentUnusable,
    IntrospectionFailed,
    KeysFailed,
    KeysFetched,
    KeyUnknown,
    LimiterDegraded,
    LimitExceeded,
    LoginRefused,
    SessionEnded,
    SessionOpened,
    SessionRenewed,
    TokenFetched,
    UntrustedDocument,
)
from bff.telemetry.metric import Metric

AUTHENTICATION = [
    Metric(
        "bff_authentication_refused_total",
        "counter",
        "Requests whose caller was not let in, by what they showed and why it was not good.",
        {AuthenticationRefused: lambda event: (1, event.means, event.reason)},
        ("means", "reason"),
    ),
    Metric(
        "bff_jwks_age_seconds",
        "age",
        "Seconds since an issuer's public keys were fetched, as of the scrape; +Inf where they never were.",
        {
            KeysFetched: lambda event: (0.0, event.issuer),
            KeysFailed: lambda event: (inf if event.age is None else event.age, event.issuer),
        },
        ("issuer",),
    ),
    Metric(
        "bff_jwks_fetches_total",
        "counter",
        "Fetches of an issuer's public keys.",
        {
            KeysFetched: lambda event: (1, event.issuer, "fetched"),
            KeysFailed: lambda event: (1, event.issuer, "failed"),
        },
        ("issuer", "result"),
    ),
    Metric(
        "bff_jwks_keys",
        "gauge",
        "Public keys of an issuer that can be used.",
        {KeysFetched: lambda event: (event.keys, event.issuer)},
        ("issuer",),
    ),
    Metric(
        "bff_jwks_unknown_keys_total",
        "counter",
        "Tokens that named a key nobody knows, so that an issuer's keys were fetched out of turn.",
        {KeyUnknown: lambda event: (1, event.issuer)},
        ("issuer",),
    ),
    Metric(
        "bff_introspection_failures_total",
        "counter",
        "Times that the issuer of opaque tokens could not be asked, and whether an older answer was used instead.",
        {IntrospectionFailed: lambda event: (1, event.issuer, "stale" if event.stale else "none")},
        ("issuer", "used"),
    ),
    Metric(
        "bff_api_key_reads_total",
        "counter",
        "Times that the file of API keys was read again.",
        {ApiKeysRead: lambda event: (1, "failed" if event.detail else "read")},
        ("result",),
    ),
    Metric(
        "bff_token_refresh_total",
        "counter",
        "Tokens that were asked for on behalf of a service.",
        {TokenFetched: lambda event: (1, event.upstream, event.result)},
        ("upstream", "result"),
    ),
    Metric("bff_sessions_opened_total", "counter", "People that logged in.", {SessionOpened: lambda _: (1,)}),
    Metric(
        "bff_sessions_ended_total",
        "counter",
        "Sessions that ended before their time.",
        {SessionEnded: lambda event: (event.sessions, event.reason)},
        ("reason",),
    ),
    Metric(
        "bff_session_renewals_total",
        "counter",
        "Renewals of the access token of a session.",
        {SessionRenewed: lambda event: (1, "renewed" if event.ok else "failed")},
        ("result",),
    ),
    Metric(
        "bff_login_refused_total",
        "counter",
        "Logins, logouts and uses of a session that were refused.",
        {LoginRefused: lambda event: (1, event.step)},
        ("step",),
    ),
]
ALLOWANCE = [
    Metric(
        "bff_ratelimit_decisions_total",
        "counter",
        "Requests that did not fit a limit, by what is counted, whether they were refused or only measured, and "
        "where that was decided.",
        {
            LimitExceeded: lambda event: (
                1,
                event.limit.partition(".")[0],
                "refused" if event.enforced else "measured",
                event.counted,
            )
        },
        ("layer", "decision", "store"),
    ),
    Metric(
        "bff_limiter_degraded",
        "gauge",
        "1 while limits are counted in each process instead of in the store.",
        {LimiterDegraded: lambda event: (1 if event.degraded else 0,)},
    ),
    Metric(
        "bff_clients_refused_total",
        "counter",
        "Requests that were refused because of their address or their app's version.",
        {ClientRefused: lambda event: (1, event.reason)},
        ("reason",),
    ),
    Metric(
        "bff_cost_estimated_total",
        "counter",
        "Cost that operations were estimated to have, where it was charged or told.",
        {CostSettled: lambda event: (event.requested, event.name)},
        ("operation",),
    ),
    Metric(
        "bff_cost_actual_total",
        "counter",
        "Cost that the same operations had in the end.",
        {CostSettled: lambda event: (event.actual, event.name)},
        ("operation",),
    ),
    Metric(
        "bff_cost_exceeded_total",
        "counter",
        "Operations that cost more than any one may, by whether they were refused or only measured.",
        {CostExceeded: lambda event: (1, "refused" if event.enforced else "measured")},
        ("decision",),
    ),
]
DOCUMENTS = [
    Metric(
        "bff_untrusted_documents_total",
        "counter",
        "Texts that nobody has registered, by whether they ran.",
        {UntrustedDocument: lambda event: (1, "ran" if event.allowed else "refused")},
        ("decision",),
    ),
    Metric(
        "bff_documents",
        "gauge",
        "Registered documents that get ready after the start.",
        {DocumentsPrepared: lambda event: (event.total,)},
    ),
    Metric(
        "bff_documents_prepared",
        "gauge",
        "How many of them are done, also those that cannot be used.",
        {DocumentsPrepared: lambda event: (event.done,)},
    ),
    Metric(
        "bff_documents_unusable_total",
        "counter",
        "Registered documents that do not fit the schema or are over a limit.",
        {DocumentUnusable: lambda _: (1,)},
    ),
    Metric(
        "bff_deprecated_fields_total",
        "counter",
        "Deprecated fields that operations asked for; the admin port says which clients.",
        {DeprecatedFieldsUsed: lambda event: (len(event.fields),)},
    ),
]
