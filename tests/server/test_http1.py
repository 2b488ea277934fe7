"""Requests that ask for another protocol are answered over this one, body and all."""

import asyncio
import re

import pytest

UPGRADES = {
    "h2c": b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n",
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nsec-websocket-version: 13\r\n",
    "and close": b"connection: close, upgrade\r\nupgrade: h2c\r\n",
}


def request(body, fields=b"", *, close=True):
    end = b"connection: close\r\n" if close else b""
    length = b"content-length: %d\r\n" % len(body)
    return (
        (b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" + fields + end + length)
        + b"\r\n"
        + body
    )


BODY = b'{"query": "{ __typename }"}'


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


@pytest.mark.parametrize("fields", UPGRADES.values(), ids=list(UPGRADES))
async def test_an_upgrade_that_is_not_followed_loses_no_body(edge, fields):
    """Java's HTTP client asks for h2c with its first request to every plain host."""
    async with edge() as running:
        answer = await running.raw(request(BODY, fields))

    assert statuses(answer) == [200]
    assert running.engine.requests[0].query == "{ __typename }"


@pytest.mark.parametrize("fields", UPGRADES.values(), ids=list(UPGRADES))
async def test_a_body_that_comes_later_is_not_a_request_of_its_own(edge, fields):
    """Smuggled requests get past whatever a proxy in front checks, and their answers go to others."""
    smuggled = request(BODY)
    whole = request(smuggled, fields)
    head, body = whole[: -len(smuggled)], whole[-len(smuggled) :]

    async with edge() as running, running.socket() as (reader, writer):
        writer.write(head)
        await writer.drain()
        await running.busy()
        writer.write(body)
        answer = await asyncio.wait_for(reader.read(-1), 10)

    assert statuses(answer) == [400], "one request, whose body is not JSON"
    assert not running.engine.requests


async def test_requests_before_and_after_are_answered_in_their_order(edge):
    """Clients that pipeline match answers by order."""
    bodies = [b'{"query": "{ a%d: __typename }"}' % number for number in range(3)]
    sent = request(bodies[0], close=False) + request(bodies[1], UPGRADES["h2c"], close=False) + request(bodies[2])
    async with edge() as running:
        answer = await running.raw(sent)

    assert statuses(answer) == [200, 200, 200]
    assert [asked.query for asked in running.engine.requests] == [f"{{ a{n}: __typename }}" for n in range(3)]


async def test_what_follows_a_connect_is_not_read(edge):
    async with edge() as running:
        answer = await running.raw(b"CONNECT /graphql HTTP/1.1\r\nhost: x\r\n\r\n" + request(BODY))

    assert statuses(answer) == [405]
    assert not running.engine.requests
