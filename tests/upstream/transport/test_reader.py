"""A response is what its bytes say, however they are cut into reads."""

import gzip
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.transport import Limits
from bff.upstream.transport.reader import ResponseReader

LIMITS = Limits(max_response_bytes=2000, max_header_bytes=600, max_header_count=8)
NAMES = st.text(string.ascii_letters + "-", min_size=1, max_size=12).map(lambda name: f"x-{name}")
VALUES = st.text(string.ascii_letters + string.digits + " ,;=\"'é", max_size=40).map(str.strip)


@st.composite
def responses(draw) -> bytes:
    """Draw a response, most often a good one."""
    status = draw(st.sampled_from([200, 201, 204, 302, 304, 404, 500, 599]))
    headers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=4))
    interim = draw(st.lists(st.sampled_from([100, 102, 103]), max_size=2))
    body = draw(st.binary(max_size=draw(st.sampled_from([20, 3000]))))
    if draw(st.booleans()):
        body = gzip.compress(body, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    if framing == "length":
        headers.append(("Content-Length", str(len(body))))
    elif framing == "chunked":
        headers.append(("Transfer-Encoding", "chunked"))
        body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in draw(_pieces(body)) if each) + b"0\r\n\r\n"
    if draw(st.integers(0, 9)) == 0:
        headers.append(("Connection", "close"))
    if status in (204, 304):
        body = b""
    lines = "".join(f"HTTP/1.1 {each} Interim\r\nlink: </a>\r\n\r\n" for each in interim)
    lines += f"HTTP/1.1 {status} Some Reason\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    return (
        lines.encode("latin-1")
        + b"\r\n"
        + body
        + draw(st.sampled_from([b"", b"", b"x", b"HTTP/1.1 200 OK\r\n\r\n"]))
    )


@st.composite
def damaged(draw) -> bytes:
    """Draw a response with one byte changed, taken out, or the rest cut off."""
    data = draw(responses())
    place = draw(st.integers(0, len(data) - 1))
    rest = draw(st.sampled_from([data[place + 1 :], data[place:], b""]))
    return data[:place] + draw(st.binary(max_size=1)) + rest


@st.composite
def _pieces(draw, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def read(pieces: list[bytes], *, for_head: bool = False) -> tuple:
    """Return what a reader makes of *pieces* and of the end of the connection after them."""
    reader = ResponseReader(LIMITS)
    reader.begin(for_head=for_head)
    try:
        for piece in pieces:
            if reader.complete:
                return _whole(reader, reusable=reader.reusable and not piece)
            reader.feed(piece)
        if not reader.complete:
            reader.end()
    except UpstreamError as error:
        return error.outcome, error.detail
    return _whole(reader, reusable=reader.reusable)


def _whole(reader: ResponseReader, *, reusable: bool) -> tuple[Response, bool]:
    return reader.response(), reusable


@given(data=st.data(), stream=st.one_of(responses(), damaged()), for_head=st.booleans())
def test_how_bytes_are_cut_does_not_matter(data, stream, for_head):
    """TCP promises nothing about it, and an attacker may choose it."""
    pieces = [piece for piece in data.draw(_pieces(stream)) if piece]

    assert read(pieces, for_head=for_head) == read([stream], for_head=for_head)


@given(stream=st.one_of(responses(), damaged()), for_head=st.booleans())
def test_one_byte_at_a_time_is_as_good_as_all_at_once(stream, for_head):
    single = [stream[place : place + 1] for place in range(len(stream))]

    assert read(single, for_head=for_head) == read([stream], for_head=for_head)


def test_a_chunk_after_a_response_to_head_spoils_the_connection():
    """In whatever pieces it comes: the next response would begin with it."""
    head, rest = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"0\r\n\r\n"

    assert read([head + rest], for_head=True) == read([head, rest], for_head=True)


def test_a_long_body_after_a_response_to_head_spoils_the_connection():
    """However much of it comes at once."""
    head, body = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n", b"x" * 900

    found, reusable = read([head + body], for_head=True)

    assert (found, reusable) == read([head, body], for_head=True)
    assert (found.body, reusable) == (b"", False)


@given(stream=st.binary(max_size=300))
def test_anything_at_all_ends_in_a_response_or_in_one_of_three_outcomes(stream):
    result = read([stream])

    assert isinstance(result[0], Response) or result[0] in {Outcome.RESET, Outcome.BODY_BROKEN, Outcome.TOO_LARGE}


@given(body=st.binary(max_size=1500), packed=st.booleans())
def test_a_body_comes_out_as_it_went_in(body, packed):
    wire = gzip.compress(body) if packed else body
    coding = b"content-encoding: gzip\r\n" if packed else b""

    response, reusable = read([b"HTTP/1.1 200 OK\r\n%scontent-length: %d\r\n\r\n%s" % (coding, len(wire), wire)])

    assert response.body == body
    assert "content-encoding" not in response.headers
    assert reusable


@pytest.mark.parametrize(
    ("stream", "outcome"),
    [
        pytest.param(b"HTTP/1.1 099 X\r\n\r\n", Outcome.BODY_BROKEN, id="status below 100"),
        pytest.param(b"HTTP/1.1 600 X\r\n\r\n", Outcome.BODY_BROKEN, id="status above 599"),
        pytest.param(
            b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", Outcome.BODY_BROKEN, id="upgrade"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            Outcome.BODY_BROKEN,
            id="two framings, as in response splitting",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            Outcome.BODY_BROKEN,
            id="two lengths",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            Outcome.BODY_BROKEN,
            id="coding unasked",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2001\r\n\r\n", Outcome.TOO_LARGE, id="too long, declared"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2001, Outcome.TOO_LARGE, id="too long, undeclared"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 600, Outcome.BODY_BROKEN, id="endless header"),
        pytest.param(b"HTTP/1.1 103 X\r\n\r\n" * 40, Outcome.BODY_BROKEN, id="endless interim responses"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"e" * 700,
            Outcome.BODY_BROKEN,
            id="endless chunk extension",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: " + b"t" * 700,
            Outcome.BODY_BROKEN,
            id="endless trailer",
        ),
        pytest.param(b"", Outcome.RESET, id="nothing"),
        pytest.param(b"HTTP/1.1 200 O", Outcome.RESET, id="part of a status line"),
    ],
)
def test_what_is_no_response_within_the_limits(stream, outcome):
    assert read([stream])[0] is outcome


def test_a_body_of_exactly_the_limit_is_taken():
    response, _ = read([b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2000])

    assert len(response.body) == 2000
