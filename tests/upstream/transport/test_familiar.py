"""A head that came before means what it meant then, and whatever else comes is read as if it were the first."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.transport import Limits
from bff.upstream.transport.familiar import LONGEST, MOST, Familiar, FamiliarHeads
from bff.upstream.transport.reader import ResponseReader

LIMITS = Limits(max_response_bytes=60, max_header_bytes=160, max_header_count=5)
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
PACKED = gzip.compress(b"hello", mtime=0)


class Unlearning(FamiliarHeads):
    """Keeps nothing, so that the parser reads everything."""

    def learn(self, head, meaning):
        pass


def response(status, fields, body=b""):
    return b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, b"".join(b"%b\r\n" % field for field in fields), body)


STATUSES = st.sampled_from([b"200 OK", b"201 Created", b"204 No Content", b"304 X", b"404 Gone", b"503 Busy"])
FIELDS = st.lists(
    st.sampled_from(
        [
            b"content-type: text/plain",
            b"X-A: 1",
            b"x-a: \xe9",
            b"Set-Cookie: a=b",
            b"connection: close",
            b"keep-alive: timeout=5",
            b"content-encoding: br",
            b"Content-Length: 0",
            b"x-long: " + b"y" * 100,
        ]
    ),
    max_size=6,
)
BODIES = st.sampled_from([b"", b"hello", b"hallo", b"\r\n\r\n", b"a\r\n\r\nb", b"x" * 60, b"x" * 61])


@st.composite
def responses(draw) -> bytes:
    """Draw one of few enough responses that heads come again: good, strange, or broken."""
    status, fields, body = draw(STATUSES), draw(FIELDS), draw(BODIES)
    if status[:3] in (b"204", b"304"):
        body = b""
    framing = draw(st.sampled_from(["length", "length", "length", "chunked", "close", "packed", "wrong", "both"]))
    if framing == "length":
        fields = [*fields, b"content-length: %d" % len(body)]
    elif framing == "chunked":
        fields, body = [*fields, b"transfer-encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n"
    elif framing == "packed":
        fields, body = [*fields, b"content-encoding: gzip", b"content-length: %d" % len(PACKED)], PACKED
    elif framing == "wrong":
        fields = [*fields, b"content-length: %d" % (len(body) + draw(st.sampled_from([-1, 1])))]
    elif framing == "both":
        fields = [*fields, b"content-length: 5", b"transfer-encoding: chunked"]
    interim = draw(st.sampled_from([b"", b"", b"", b"HTTP/1.1 103 Hints\r\nlink: </a>\r\n\r\n"]))
    lead = draw(st.sampled_from([b"", b"", b"", b"\r\n\r\n", b"\n"]))
    rest = draw(st.sampled_from([b"", b"", b"", b"x", b"\r\n", PLAIN]))
    whole = lead + interim + response(status, fields, body) + rest
    return draw(st.sampled_from([whole, whole, whole, whole.replace(b"\r\n", b"\n")]))


@st.composite
def cut(draw, stream: bytes) -> list[bytes]:
    """Draw how a stream arrives: most often in one piece."""
    places = sorted(draw(st.one_of(st.just([]), st.lists(st.integers(0, len(stream)), max_size=3))))
    cuts = zip([0, *places], [*places, len(stream)], strict=True)
    return [piece for piece in (stream[start:end] for start, end in cuts) if piece]


def read(reader: ResponseReader, pieces: list[bytes], *, for_head: bool) -> tuple:
    """Return what *reader* makes of one exchange, and whether the connection can have another one."""
    reader.begin(for_head=for_head)
    try:
        for place, piece in enumerate(pieces):
            if reader.feed(piece):
                unasked = place + 1 < len(pieces)
                return reader.response(), reader.reusable and not unasked
        reader.end()
    except UpstreamError as error:
        return error.outcome, error.detail, reader.started, False
    return reader.response(), reader.reusable


@given(data=st.data())
def test_what_is_familiar_makes_no_difference_to_what_is_read(data):
    """For all responses of all connections of a transport, one after the other, in whatever pieces."""
    heads, warm, cold = FamiliarHeads(), None, None
    some = data.draw(st.lists(responses(), min_size=1, max_size=3))
    for _ in range(data.draw(st.integers(1, 8))):
        if warm is None:
            warm, cold = ResponseReader(LIMITS, heads), ResponseReader(LIMITS, Unlearning())
        stream, for_head = data.draw(st.sampled_from(some)), data.draw(st.sampled_from([False, False, True]))
        pieces = data.draw(cut(stream))

        found = read(warm, pieces, for_head=for_head)

        assert found == read(cold, pieces, for_head=for_head)
        assert warm.complete == cold.complete
        if not found[-1]:
            warm = None


def familiar_with(*streams: bytes, limits: Limits = LIMITS) -> FamiliarHeads:
    """Return what is familiar after reading *streams*, each on a connection of its own."""
    heads = FamiliarHeads()
    for stream in streams:
        read(ResponseReader(limits, heads), [stream], for_head=False)
    return heads


def test_a_familiar_response_does_not_reach_the_parser():
    reader = ResponseReader(LIMITS, familiar_with(PLAIN))

    found, reusable = read(reader, [PLAIN], for_head=False)

    headers = {"content-type": "text/plain", "content-length": "5"}
    assert (found, reusable) == (Response(200, headers, b"hello"), True)
    assert reader._parser is None


def test_each_response_has_headers_of_its_own():
    """Whoever changes one must not change what the next caller reads."""
    heads = familiar_with(PLAIN)
    first, _ = read(ResponseReader(LIMITS, heads), [PLAIN], for_head=False)
    first.headers["x"] = "y"

    second, _ = read(ResponseReader(LIMITS, heads), [PLAIN], for_head=False)

    assert "x" not in second.headers


def test_the_reader_of_the_first_response_may_change_its_headers_too():
    heads = FamiliarHeads()
    first, _ = read(ResponseReader(LIMITS, heads), [PLAIN], for_head=False)
    first.headers.clear()

    second, _ = read(ResponseReader(LIMITS, heads), [PLAIN], for_head=False)

    assert second.headers == {"content-type": "text/plain", "content-length": "5"}


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(response(b"200 OK", [b"connection: close", b"content-length: 1"], b"x"), id="close"),
        pytest.param(response(b"200 OK", [b"transfer-encoding: chunked"], b"0\r\n\r\n"), id="chunked"),
        pytest.param(response(b"204 No Content", [b"content-length: 0"]), id="no body by status"),
        pytest.param(response(b"304 Not Modified", [b"content-length: 5"]), id="not modified"),
        pytest.param(
            response(b"200 OK", [b"content-encoding: gzip", b"content-length: %d" % len(PACKED)], PACKED),
            id="gzip",
        ),
        pytest.param(b"HTTP/1.1 103 Hints\r\n\r\n" + PLAIN, id="interim first"),
        pytest.param(PLAIN + b"x", id="bytes after the response"),
        pytest.param(b"\r\n\r\n" + PLAIN, id="an empty line first"),
        pytest.param(PLAIN[:-1], id="part of a body"),
        pytest.param(response(b"200 OK", [b"content-length: 61"], b"x" * 61), id="too large"),
        pytest.param(response(b"200 OK", [b"x: y"] * 5 + [b"content-length: 0"]), id="too many fields"),
        pytest.param(response(b"200 OK", [b"x: " + b"y" * 160, b"content-length: 0"]), id="too long a head"),
    ],
)
def test_what_does_not_say_everything_never_becomes_familiar(stream):
    assert len(familiar_with(stream)) == 0


def test_a_familiar_head_that_answers_head_has_no_body():
    head = PLAIN.removesuffix(b"hello")
    reader = ResponseReader(LIMITS, familiar_with(PLAIN))

    found, reusable = read(reader, [head], for_head=True)

    assert (found.body, reusable) == (b"", True)


def test_what_comes_in_pieces_goes_to_the_parser():
    heads = familiar_with(PLAIN)
    reader = ResponseReader(LIMITS, heads)

    assert read(reader, [PLAIN[:50], PLAIN[50:]], for_head=False) == read(reader, [PLAIN], for_head=False)
    assert reader._parser is not None


def test_no_more_heads_are_kept_than_there_is_room_for():
    heads = FamiliarHeads()
    for number in range(3 * MOST):
        heads.learn(b"%d" % number, Familiar(200, {}, 0))
        assert heads.get(b"%d" % number) is not None
        assert len(heads) <= MOST


def test_a_long_head_is_not_kept():
    heads = FamiliarHeads()
    heads.learn(b"x" * (LONGEST + 1), Familiar(200, {}, 0))

    assert len(heads) == 0
