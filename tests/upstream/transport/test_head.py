"""A request is on the wire what it is in the program, and nothing a value holds can change that."""

import pytest

from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Request
from bff.upstream.outcome import Outcome
from bff.upstream.transport.head import encode, host_field

ORIGIN = Origin("http", "a.test", 8080)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (Origin("http", "a.test", 80), "a.test"),
        (Origin("https", "a.test", 443), "a.test"),
        (Origin("https", "a.test", 80), "a.test:80"),
        (Origin("http", "::1", 8080), "[::1]:8080"),
        (Origin("https", "::1", 443), "[::1]"),
    ],
)
def test_host_names_the_port_only_where_it_is_not_the_usual_one(origin, host):
    assert host_field(origin) == host


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", None, None),
        ("GET", b"", "0"),
        ("POST", None, "0"),
        ("PUT", None, "0"),
        ("DELETE", None, None),
        ("POST", b"{}", "2"),
    ],
)
def test_a_body_is_announced_and_its_absence_where_one_is_expected(method, body, length):
    """Some services wait for a body that never comes, or answer 411 (RFC 9110, section 8.6)."""
    lines = encode(Request(method, ORIGIN, "/", {}, body), "a.test").split(b"\r\n")

    announced = [line.partition(b": ")[2].decode() for line in lines if line.startswith(b"content-length")]
    assert announced == ([] if length is None else [length])


def test_headers_go_out_in_order_between_the_request_line_and_an_empty_line():
    head = encode(Request("GET", ORIGIN, "/a?b=%20", {"accept": "*/*", "x": "é"}), "a.test:8080")

    assert head == (
        b"GET /a?b=%20 HTTP/1.1\r\nhost: a.test:8080\r\naccept-encoding: gzip\r\naccept: */*\r\nx: \xe9\r\n\r\n"
    )


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", ORIGIN, "/ HTTP/1.1\r\nx: y"),
        Request("GET", ORIGIN, "/a b"),
        Request("GET", ORIGIN, "/\n"),
        Request("GET\r\n", ORIGIN, "/"),
        Request("GET", ORIGIN, "/", {"x\r\ny": "z"}),
        Request("GET", ORIGIN, "/", {"x": "z\r"}),
        Request("GET", ORIGIN, "/\u0100"),
    ],
    ids=repr,
)
def test_what_would_be_read_as_something_else_is_refused(request_):
    """Request smuggling begins with a line break in a value."""
    with pytest.raises(UpstreamError) as caught:
        encode(request_, "a.test")

    assert caught.value.outcome is Outcome.LOCAL_BUG
    assert caught.value.sent is False
