"""Each kind of fault that spoils what a reply says, seen by a bare socket."""

import gzip
import json
import zlib

import pytest

from bff.testing import fault_kinds as kinds

BODY = b'{"id":"d1","name":"Pasta al forno"}'


def body_of(received: bytes) -> bytes:
    return received.partition(b"\r\n\r\n")[2]


def length_of(received: bytes) -> int:
    head = received.partition(b"\r\n\r\n")[0].decode().lower()
    return int(head.partition("content-length: ")[2].partition("\r\n")[0])


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2, 3], [], "text", 12, 123456, None, True])
async def test_truncated_json_is_good_http_and_bad_json(dishes, asking, value):
    """Also half of a number must not be a number."""
    dishes.on("GET", "/dishes/{id}", json=value)
    dishes.trouble(kinds.TruncatedJson())

    line, _, body = await (await asking()).response()

    assert line == "HTTP/1.1 200 OK"
    with pytest.raises(ValueError, match=r".+"):
        json.loads(body)


async def test_wrong_content_type_is_an_html_page_with_200(dishes, asking):
    dishes.trouble(kinds.WrongContentType())

    line, headers, body = await (await asking()).response()

    assert (line, headers["content-type"]) == ("HTTP/1.1 200 OK", "text/html; charset=utf-8")
    assert body.startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("variant", "sent"),
    [
        ("nan", b'{"value": NaN}'),
        ("lone_surrogate", b'{"value": "\\ud800"}'),
        ("duplicate_keys", b'{"value": 1, "value": 2}'),
        ("huge_number", b'{"value": 1e400}'),
        ("not_utf8", b'{"value": "\xff\xfe"}'),
        ("deep", b"[" * 10_000 + b"]" * 10_000),
    ],
)
async def test_malformed_json_says_that_it_is_json(dishes, asking, variant, sent):
    dishes.trouble(kinds.MalformedJson(variant))

    line, headers, body = await (await asking()).response()

    assert (line, headers["content-type"], body) == ("HTTP/1.1 200 OK", "application/json", sent)


async def test_huge_body_says_its_length_and_comes(dishes, asking):
    dishes.trouble(kinds.HugeBody(bytes=300_000))

    _, headers, body = await (await asking()).response()

    assert (headers["content-length"], len(body)) == ("300000", 300_000)


async def test_huge_body_waits_for_a_client_that_does_not_read(dishes, asking):
    """A gibibyte must not pile up in the memory of the fake."""
    dishes.trouble(kinds.HugeBody())
    client = await asking()
    await client.until(1000)
    assert length_of(client.received) == 1024**3

    client.close()

    await dishes.all_closed()


async def test_endless_body_ends_only_with_the_client(dishes, asking):
    dishes.trouble(kinds.HugeBody(endless=True))
    client = await asking()

    received = await client.until(1_000_000)
    client.close()

    assert body_of(received).startswith(b"10000\r\n1111")
    await dishes.all_closed()


async def test_gzip_bomb_is_a_thousandth_of_what_it_becomes(dishes, asking):
    dishes.trouble(kinds.GzipBomb(inflated=8 * 1024**2))

    _, headers, body = await (await asking()).response()

    assert headers["content-encoding"] == "gzip"
    assert len(body) < 10_000
    inflated = gzip.decompress(body)
    assert len(inflated) == 8 * 1024**2
    assert json.loads(inflated) == {}


async def test_gzip_that_is_none(dishes, asking):
    dishes.trouble(kinds.BadGzip())

    _, headers, body = await (await asking()).response()

    assert (headers["content-encoding"], body) == ("gzip", BODY)


async def test_gzip_that_ends_early(dishes, asking):
    dishes.trouble(kinds.BadGzip("truncated"))

    _, _, body = await (await asking()).response()

    unpacker = zlib.decompressobj(wbits=31)
    assert BODY.startswith(unpacker.decompress(body))
    assert not unpacker.eof


async def test_gzip_with_a_wrong_checksum(dishes, asking):
    dishes.trouble(kinds.BadGzip("checksum"))

    _, _, body = await (await asking()).response()

    with pytest.raises(zlib.error, match="incorrect data check"):
        zlib.decompressobj(wbits=31).decompress(body)


async def test_invalid_status_line_is_sent_as_given(dishes, asking):
    dishes.trouble(kinds.InvalidStatusLine("ICY 200 OK"))

    received, how = await (await asking()).until_end()

    assert (received, how) == (b"ICY 200 OK\r\ncontent-length: 0\r\n\r\n", "FIN")


async def test_huge_headers_are_as_many_and_as_long_as_asked(dishes, asking):
    dishes.trouble(kinds.HugeHeaders(count=300, bytes=500))

    _, headers, body = await (await asking()).response()

    huge = [value for name, value in headers.items() if name.startswith("x-huge-")]
    assert huge == ["h" * 500] * 300
    assert body == BODY


async def test_redirect_leads_where_nobody_may_go(dishes, asking):
    dishes.trouble(kinds.Redirect())

    line, headers, _ = await (await asking()).response()

    assert line == "HTTP/1.1 302 Found"
    assert headers["location"].startswith("http://169.254.169.254/")


async def test_set_cookie_comes_with_every_reply(dishes, asking):
    dishes.trouble(kinds.SetCookie("a=b"))
    client = await asking()

    for _ in range(2):
        _, headers, body = await client.response()
        assert (headers["set-cookie"], body) == ("a=b", BODY)
        await client.send(b"GET /dishes/d1 HTTP/1.1\r\n\r\n")


async def test_informational_responses_come_before_the_final_one(dishes, asking):
    dishes.trouble(kinds.Informational(count=2))
    client = await asking()

    lines = [(await client.response())[0] for _ in range(3)]

    assert lines == ["HTTP/1.1 103 Early Hints", "HTTP/1.1 103 Early Hints", "HTTP/1.1 200 OK"]
