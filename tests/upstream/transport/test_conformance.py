"""Every transport ends every fault in the same outcome, sends nothing twice, and is whole again afterwards."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from bff.testing import fault_kinds as kinds
from bff.upstream.errors import Phase, UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.transport import engines as engines_module

README = Path(engines_module.__file__).with_name("README.md")


@dataclass(frozen=True)
class Expected:
    """How one fault ends.

    Attributes:
        arrivals: How often the request itself arrived.
        whole: The response is whole as HTTP, so that its connection may carry another request.
    """

    fault: str
    kind: kinds.Kind | None
    outcome: Outcome
    phase: Phase | None = None
    status: int | None = None
    arrivals: int = 1
    whole: bool = False

    def row(self) -> str:
        result = f"{self.status}" if self.status else f"{self.outcome}"
        return f"| {self.fault} | {result} | {self.phase or ''} | {self.arrivals} |"


READ = Outcome.READ_TIMEOUT
BROKEN = Outcome.BODY_BROKEN
TABLE = (
    Expected("no fault", None, Outcome.OK, status=200),
    Expected("connection refused", kinds.Refuse(), Outcome.CONNECT, arrivals=0),
    Expected("black hole after accept", kinds.BlackHole(), READ, "read"),
    Expected("hang before headers", kinds.HangBeforeHeaders(), READ, "read"),
    Expected("hang after headers", kinds.HangAfterHeaders(), READ, "read"),
    Expected("reset before response", kinds.ResetBeforeResponse(), Outcome.RESET),
    Expected("close before response", kinds.EofBeforeResponse(), Outcome.RESET),
    Expected("reset within the body", kinds.ResetMidBody(), BROKEN),
    Expected("end short of Content-Length", kinds.ShortBody(), BROKEN),
    Expected("missing last chunk", kinds.MissingTerminator(), BROKEN),
    Expected("body that is not gzip", kinds.BadGzip("not_gzip"), BROKEN, whole=True),
    Expected("gzip cut short", kinds.BadGzip("truncated"), BROKEN, whole=True),
    Expected("gzip with a wrong checksum", kinds.BadGzip("checksum"), BROKEN, whole=True),
    Expected("gzip bomb", kinds.GzipBomb(), Outcome.TOO_LARGE),
    Expected("huge body, declared", kinds.HugeBody(), Outcome.TOO_LARGE),
    Expected("endless chunked body", kinds.HugeBody(endless=True), Outcome.TOO_LARGE),
    Expected("drip slower than `read_idle`", kinds.Drip(bytes=1, interval=30.0), READ, "read"),
    Expected("dripping headers", kinds.Drip(bytes=1, interval=30.0, part="headers"), READ, "read"),
    Expected("drip faster than `read_idle`", kinds.Drip(bytes=100, interval=0.03), Outcome.OK, status=200),
    Expected("invalid status line", kinds.InvalidStatusLine(), BROKEN),
    Expected("not HTTP at all", kinds.InvalidStatusLine("SSH-2.0-OpenSSH_9.6"), BROKEN),
    Expected("1000 header fields of 1 KiB", kinds.HugeHeaders(), BROKEN),
    Expected("one header field of 1 MiB", kinds.HugeHeaders(count=1, bytes=1024**2), BROKEN),
    Expected("too many small header fields", kinds.HugeHeaders(count=101, bytes=1), BROKEN),
    Expected("three 103 before the response", kinds.Informational(3), Outcome.OK, status=200),
    Expected("redirect", kinds.Redirect(), Outcome.OK, status=302),
    Expected("redirect that keeps the method", kinds.Redirect(status=307), Outcome.OK, status=307),
    Expected("503 with Retry-After", kinds.Status(503, retry_after=1), Outcome.OK, status=503),
    Expected("Set-Cookie", kinds.SetCookie(), Outcome.OK, status=200),
    Expected("closed after the response", kinds.CloseAfterReply(), Outcome.OK, status=200),
)
"""PY-1, and fault catalogue 3, 5, 7 to 10, 14 to 17 of the resilience rules."""


@pytest.fixture
def limits(limits, expected):
    """Impatient only where a stall is what is tested."""
    return dataclasses.replace(limits, read_idle=0.25) if expected.phase == "read" else limits


@pytest.fixture
def expected():
    return TABLE[0]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("expected", TABLE, ids=lambda each: each.fault)
async def test_each_fault_ends_in_its_outcome_and_nothing_is_sent_twice(
    expected, method, engine, limits, upstream, opened, thing, ended
):
    """PL-4: whoever trusts a wrong outcome, or repeats by itself, places an order twice (F4)."""
    transport = opened(engine, limits)
    if expected.kind is not None:
        upstream.trouble(expected.kind)

    result = await ended(transport, thing(method))

    assert _seen(result) == (expected.outcome, expected.phase, expected.status)
    assert len(upstream.arrivals) == expected.arrivals


@pytest.mark.parametrize("expected", TABLE, ids=lambda each: each.fault)
async def test_after_a_fault_the_next_call_succeeds_over_another_connection(
    expected, engine, limits, upstream, opened, thing, ended, turns
):
    """What is left of a broken response must never become the start of the next one."""
    transport = opened(engine, limits)
    if expected.kind is not None:
        upstream.trouble(expected.kind)
    await ended(transport, thing())

    upstream.clear()
    await upstream.start()
    await turns()
    response = await transport.send(thing())

    assert response.status == 200
    assert len(response.body) > 1000
    if expected.outcome is not Outcome.OK and expected.arrivals and not expected.whole:
        first, second = upstream.arrivals
        assert second.connection != first.connection


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("kind", [kinds.EofBeforeResponse(), kinds.ResetBeforeResponse()], ids=["fin", "rst"])
async def test_a_pooled_connection_that_dies_under_a_request_is_a_reset_and_one_arrival(
    kind, method, engine, upstream, opened, thing
):
    """Nobody can know whether the service acted, so only the pipeline may decide (T-RT-c, T-RT-d)."""
    transport = opened(engine)
    await transport.send(thing())
    upstream.trouble(kind)

    with pytest.raises(UpstreamError) as caught:
        await transport.send(thing(method, b"{}" if method != "GET" else None))

    assert caught.value.outcome is Outcome.RESET
    assert caught.value.sent
    assert [arrival.method for arrival in upstream.arrivals] == ["GET", method]
    assert upstream.arrivals[0].connection == upstream.arrivals[1].connection


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_closed_while_idle_costs_nobody_a_call(method, engine, upstream, opened, thing, turns):
    """Services close idle connections all the time; that is no failure."""
    transport = opened(engine)
    await transport.send(thing())
    upstream.drop_connections()
    await upstream.all_closed()
    await turns()

    for _ in range(3):
        assert (await transport.send(thing(method))).status == 200
    assert len(upstream.arrivals) == 4


async def test_no_cookie_is_kept(engine, upstream, opened, thing):
    """User A's login must not travel on with user B's call (F5)."""
    transport = opened(engine)
    upstream.trouble(kinds.SetCookie())

    first = await transport.send(thing())
    await transport.send(thing())

    assert "set-cookie" not in first.headers
    assert all("cookie" not in arrival.headers for arrival in upstream.arrivals)


async def test_a_redirect_is_handed_over_and_not_followed(engine, upstream, opened, thing):
    """A service that is taken over must not reach the cloud's metadata through us (LB-13)."""
    transport = opened(engine)
    upstream.trouble(kinds.Redirect(location=f"{upstream.url}/elsewhere"))

    response = await transport.send(thing())

    assert response.headers["location"] == f"{upstream.url}/elsewhere"
    assert [arrival.path for arrival in upstream.arrivals] == ["/thing"]


async def test_a_request_arrives_as_it_was_given_and_with_nothing_more(engine, upstream, opened, thing):
    """Headers that a client library adds by itself can change what a service answers."""
    transport = opened(engine)

    await transport.send(thing("POST", b"{}", accept="application/json"))

    (arrival,) = upstream.arrivals
    host = f"{upstream.origin.host}:{upstream.origin.port}"
    assert arrival.headers == {
        "host": host,
        "accept": "application/json",
        "accept-encoding": "gzip",
        "content-length": "2",
    }
    assert arrival.body == b"{}"


async def test_repeated_response_headers_are_joined_and_names_are_lower_case(engine, upstream, opened, thing):
    transport = opened(engine)
    upstream.on("GET", "/thing", status=200, headers=[("X-Tag", "a"), ("x-tag", "b"), ("ETag", '"1"')])

    response = await transport.send(thing())

    assert response.headers["x-tag"] == "a, b"
    assert response.headers["etag"] == '"1"'


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "\N{SNOWMAN}"], ids=ascii)
async def test_a_header_that_would_break_out_of_its_line_is_refused(value, engine, upstream, opened, thing):
    """Forwarded headers come from clients."""
    transport = opened(engine)

    with pytest.raises(UpstreamError) as caught:
        await transport.send(thing(tag=value))

    assert caught.value.outcome is Outcome.LOCAL_BUG
    assert upstream.arrivals == []


async def test_a_closed_transport_sends_nothing(engine, upstream, opened, thing):
    transport = opened(engine)
    await transport.send(thing())
    await transport.close()

    with pytest.raises(UpstreamError) as caught:
        await transport.send(thing())

    assert caught.value.outcome is Outcome.POOL
    await upstream.all_closed()


def test_the_readme_shows_this_table():
    """Whoever chooses an engine reads what was seen, not what was once hoped for."""
    shown = re.findall(r"^\| .* \| .* \| .* \| \d \|$", README.read_text(encoding="utf-8"), re.MULTILINE)

    assert shown == [expected.row() for expected in TABLE], "\n".join(expected.row() for expected in TABLE)


def _seen(result: Response | UpstreamError) -> tuple[Outcome, Phase | None, int | None]:
    if isinstance(result, UpstreamError):
        return result.outcome, result.phase, None
    return Outcome.OK, None, result.status
