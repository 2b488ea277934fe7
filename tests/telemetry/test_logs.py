"""What a client was not told is in the log, under the same id and without anybody's credentials."""

import io
import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from bff.codes import Code
from bff.events import (
    ApiKeysRead,
    AttemptFinished,
    BreakerChanged,
    CanaryStopped,
    ErrorsTold,
    ErrorTold,
    ExperimentEnded,
    ExperimentStarted,
    GateClosed,
    GateOpened,
    HealthChanged,
    HostEjected,
    HostReturned,
    IntrospectionFailed,
    KeysFailed,
    KeysFetched,
    KeyUnknown,
    LimiterDegraded,
    LimitExceeded,
    OperationFinished,
    TokenFetched,
)
from bff.server.events import LoopTurned
from bff.telemetry import redaction
from bff.telemetry.fanout import fan_out
from bff.telemetry.logs import JsonLogs, StandardLogs
from bff.telemetry.redaction import redact
from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome

ORIGIN = Origin("http", "127.0.0.1", 9102)
ATTEMPT = AttemptFinished("catalog", "dishes", ORIGIN, Outcome.OK, 0.0123, 200, "r1")
OPERATION = OperationFinished("r1", "Screen", "query", 0.5, 1, 0)


def lines(*events, level=logging.INFO):
    stream = io.StringIO()
    logs = JsonLogs(stream, wall=lambda: 1_700_000_000.0, level=level)
    for event in events:
        logs(event)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


def error_told(exception=None, detail="what happened", code=Code.INTERNAL_SERVER_ERROR, path=("dishes", 3)):
    return ErrorsTold("r1", (ErrorTold("id-1", "r1", code, path, "catalog", detail, exception),))


def test_an_error_line_has_all_that_finds_the_fault():
    (line,) = lines(error_told(raised(ValueError("the reason"))))

    stack = line.pop("stack")
    assert line == {
        "time": "2023-11-14T22:13:20.000+00:00",
        "level": "error",
        "event": "error",
        "error_id": "id-1",
        "request_id": "r1",
        "code": "INTERNAL_SERVER_ERROR",
        "path": "dishes.3",
        "upstream": "catalog",
        "detail": "what happened",
        "exception": "ValueError: the reason",
    }
    assert "in raised" in stack


def test_equal_errors_of_one_answer_are_one_line_in_which_each_id_is_found():
    """A service that is down fails forty fields of a screen; forty lines would bury the next fault."""
    errors = [
        ErrorTold(
            f"id-{n}", "r1", Code.UPSTREAM_TIMEOUT, ("dishes", n), "catalog", f"no answer within {n} ms", None
        )
        for n in range(43)
    ]
    other = ErrorTold("other", "r1", Code.UPSTREAM_TIMEOUT, ("reviews",), "reviews", "no answer", None)

    first, second = lines(ErrorsTold("r1", (*errors[:20], other, *errors[20:])))

    assert (first["count"], first["error_ids"]) == (43, [f"id-{n}" for n in range(43)])
    assert (first["error_id"], first["path"], first["paths"][:2]) == ("id-0", "dishes.0", ["dishes.0", "dishes.1"])
    assert len(first["paths"]) == 10
    assert (second["error_id"], "error_ids" in second, "count" in second) == ("other", False, False)


def test_the_line_of_an_error_has_the_story_of_its_service_without_credentials():
    stream = io.StringIO()
    logs = JsonLogs(stream, wall=lambda: 0.0, story=lambda error: [f"{error.upstream}: Bearer SECRETabc"])

    logs(error_told())

    assert json.loads(stream.getvalue())["story"] == ["catalog: Bearer [redacted]"]


def test_what_is_only_counted_has_no_line_even_when_debugging():
    (told,) = error_told().errors

    assert lines(told, LoopTurned(0.0, 0), level=logging.DEBUG) == []


def test_a_failure_of_a_service_is_told_without_our_own_frames():
    (line,) = lines(error_told(raised(ValueError("the reason")), code=Code.UPSTREAM_TIMEOUT))

    assert "stack" not in line
    assert line["exception"] == "ValueError: the reason"


@pytest.mark.parametrize(
    ("code", "path", "level"),
    [
        (Code.INTERNAL_SERVER_ERROR, ("a",), "error"),
        (Code.UPSTREAM_TIMEOUT, ("a",), "warning"),
        (Code.GRAPHQL_PARSE_FAILED, None, "info"),
    ],
)
def test_the_level_says_whose_fault_it_is(code, path, level):
    (line,) = lines(error_told(code=code, path=path), level=logging.CRITICAL)

    assert line["level"] == level, "and errors are written at any level"


def test_attempts_and_operations_are_for_debugging():
    assert lines(ATTEMPT, OPERATION) == []

    attempt, operation = lines(ATTEMPT, OPERATION, level=logging.DEBUG)

    assert (attempt["event"], attempt["outcome"], attempt["ms"]) == ("attempt", "OK", 12.3)
    assert (operation["event"], operation["name"], operation["errors"]) == ("operation", "Screen", 1)


def test_cb_16_a_breaker_that_opens_is_a_warning_with_its_numbers():
    """Whoever is on call reads from one line what was left alone, why, and for how long."""
    opened = BreakerChanged("catalog", "search", "closed", "open", "failure_rate", 0.5, 0.1, 24, 5.1)
    closed = BreakerChanged("catalog", "search", "half_open", "closed", "probes", -1.0, -1.0, 0, 0.0)

    first, second = lines(opened, closed)

    del first["time"]
    assert first == {
        "level": "warning",
        "event": "breaker",
        "upstream": "catalog",
        "group": "search",
        "from": "closed",
        "to": "open",
        "cause": "failure_rate",
        "failure_rate": 0.5,
        "slow_rate": 0.1,
        "calls": 24,
        "open_ms": 5100,
    }
    assert (second["level"], second["to"], "open_ms" in second) == ("info", "closed", False)


def test_a_gate_is_told_when_it_closes_and_when_it_opens():
    closed = GateClosed("catalog", "default", ORIGIN, 30.0, "retry_after")

    first, second = lines(closed, GateOpened("catalog", "default", ORIGIN, "time"))

    assert (first["level"], first["origin"], first["closed_ms"]) == ("warning", str(ORIGIN), 30_000)
    assert (second["level"], second["to"], "closed_ms" in second) == ("info", "open", False)


def test_rl18_counting_alone_is_a_warning_and_counting_together_again_is_known():
    first, second = lines(LimiterDegraded(True), LimiterDegraded(False))

    assert (first["level"], first["event"], first["to"]) == ("warning", "limiter", "each process alone")
    assert (second["level"], second["to"]) == ("info", "together")


def test_what_a_limit_would_have_refused_is_logged_and_what_it_refused_has_a_line_already():
    measured, enforced = (LimitExceeded("r1", "default", "user", refuses, "store") for refuses in (False, True))

    (line,) = lines(measured, enforced)

    assert (line["event"], line["limit"], line["enforced"]) == ("limit", "user", False)


def test_an_event_is_one_line_whatever_it_holds():
    (line,) = lines(error_told(detail="one\ntwo\u2028three"))

    assert line["detail"] == "one\ntwo\u2028three"


def test_a_line_ends_however_deep_the_recursion_was():
    (line,) = lines(error_told(detail="x" * 100_000))

    assert len(line["detail"]) < 10_000


def test_a_line_names_the_trace_it_belongs_to():
    tracer = TracerProvider().get_tracer("test")

    with tracer.start_as_current_span("operation") as span:
        (line,) = lines(error_told())

    assert line["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)


@pytest.mark.parametrize(
    "text",
    [
        "GET /x with Authorization: Bearer SECRETabc.def-ghi",
        "authorization=SECRETabc",
        "{'authorization': 'SECRETabc'}",
        "{'Authorization': 'Basic SECRETabc=='}",
        'headers {"authorization": "DPoP SECRETabc"}',
        "refused bearer SECRETabcdef",
        "token eyJhbGciOiJIUzI1NiJ9SECRET.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "POST access_token=SECRETabc&x=1",
        '{"refresh_token": "SECRETabc"}',
        "client_secret=SECRETabc",
        "password: SECRETabc",
        "X-Api-Key: SECRETabc",
        "sent bff_7fK3mQ2xW9aB.SECRETabcdefghijklmnopqrstuvwxyz0123456789-",
        "api_key=SECRETabc",
        "redis://user:SECRETabc@127.0.0.1:6379/0",
        "Set-Cookie: SECRETabc; Path=/",
    ],
)
def test_credentials_are_taken_out(text):
    assert "SECRET" not in redact(text)
    (line,) = lines(error_told(raised(ValueError(text)), detail=text))
    assert "SECRET" not in json.dumps(line)


LONG_S = "\u017f"
_SCHEMES = ["Bearer", "bEARER", "tokeN", "Basic", "DPoP"]
_NAMES = ["api_key", "API-KEY", "x-api-key", "passwd", "password", "Cookie", "authorization", "client_secret"]
_VALUES = [
    "shop_abcdefgh1",
    "eyJhbGciOi",
    ".eyJzdWIiOiJ4In0",
    ".c2lnbmF0dXJl",
    "." + "x" * 43,
    "https://user",
    "@host",
]
_ODD = [f"{LONG_S}ecret", f"{LONG_S}e{LONG_S}{LONG_S}ion", "\u212aey", "\\u0073ecret", "\u00e9"]
WORDS = st.sampled_from([*_SCHEMES, *_NAMES, *_VALUES, *_ODD, " ", ": ", "=", "'", '"', "\n", "a", "value123"])


@given(st.lists(WORDS | st.text(max_size=3), max_size=8).map("".join))
@settings(max_examples=1000)
def test_whatever_the_rules_take_out_is_looked_for(text):
    """The law: the quick look at a text never lets pass what the rules would find."""
    expected = text
    for pattern, replacement in redaction._RULES:
        expected = pattern.sub(replacement, expected)

    assert redact(text) == expected
    (line,) = lines(error_told(detail=text))
    assert line.get("detail", "") == (expected if text else line.get("detail", ""))


@pytest.mark.parametrize(
    "text",
    ["catalog.dishes: RESET in phase read: peer closed", "GET http://127.0.0.1:9102/dishes?ids=1,2", "a: b"],
)
def test_ordinary_text_stays(text):
    assert redact(text) == text


def test_a_listener_that_fails_harms_nobody():
    heard = []

    def fails(event):
        raise ValueError(event)

    fan_out(fails, heard.append, fails)(ATTEMPT)

    assert heard == [ATTEMPT]


@pytest.mark.parametrize(
    ("event", "level", "words"),
    [
        (
            HostEjected("catalog", "http://h:1", "consecutive", 10.0, 1),
            "warning",
            {"to": "ejected", "ejected_ms": 10000},
        ),
        (HostReturned("catalog", "http://h:1"), "info", {"to": "returned"}),
        (HealthChanged("catalog", "http://h:1", "unhealthy", "status 500"), "warning", {"to": "unhealthy"}),
        (HealthChanged("catalog", "http://h:1", "draining", "status 503"), "info", {"to": "draining"}),
        (KeysFetched("https://i/", 2, 1, 0), "info", {"event": "keys", "added": 1}),
        (KeysFailed("https://i/", "down", 1.5, None), "error", {"event": "keys_failed", "retry_ms": 1500}),
        (KeysFailed("https://i/", "down", 60.0, 400.4), "warning", {"event": "keys_failed", "age_s": 400}),
        (KeyUnknown("https://i/", "k"), "info", {"event": "key_unknown", "kid": "k"}),
        (IntrospectionFailed("https://i/", "down", True), "warning", {"stale": True}),
        (ApiKeysRead(2, ""), "info", {"event": "api_keys", "keys": 2}),
        (ApiKeysRead(2, "broken"), "warning", {"detail": "broken"}),
        (
            ExperimentStarted("x1", "catalog", None, "503", 0.1, "everyone", 300.0, "game day"),
            "warning",
            {
                "event": "experiment",
                "to": "started",
                "fault": "503",
                "share": 0.1,
                "ms": 300000,
                "note": "game day",
            },
        ),
        (ExperimentEnded("x1", "catalog", "time", 7), "warning", {"to": "ended", "cause": "time", "hits": 7}),
        (CanaryStopped("catalog", 0.5, 0.01, 60), "warning", {"event": "canary", "failure_rate": 0.5}),
    ],
)
def test_what_happens_to_a_host_is_told(event, level, words):
    """LB-5: draining is meant so and wakes nobody."""
    (line,) = lines(event)

    assert line["level"] == level
    assert words.items() <= line.items()


def test_a_token_that_does_not_come_is_worth_a_look_and_one_that_does_is_not():
    failed = TokenFetched("orders", "failed", 3.0, "READ_TIMEOUT: slow")
    came = TokenFetched("orders", "refreshed", 0.1, "")

    (line,) = lines(came, failed)
    (debugged,) = lines(came, level=logging.DEBUG)

    assert (line["level"], line["upstream"], line["detail"]) == ("warning", "orders", "READ_TIMEOUT: slow")
    assert (debugged["event"], debugged["result"]) == ("token", "refreshed")


def test_a_library_may_log_when_nobody_reads_any_more(monkeypatch):
    """As after the end of what standard error was connected to; asyncio logs from its destructors."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    stream = io.StringIO()
    handler = StandardLogs(JsonLogs(stream, wall=lambda: 0.0))
    stream.close()

    handler.handle(logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "never retrieved", None, None))
