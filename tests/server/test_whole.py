"""A small answer leaves in one write, and everything else leaves as it did."""

import asyncio

import pytest

from bff.server.uvicorn_server import Server

HEAD = (b"content-type", b"text/plain")


async def answers(app, *requests):
    """Return what a server of *app* writes to one connection, a list of writes for each of *requests*."""
    server = Server(app, lifespan=False)
    server.config.load()
    protocol = server.config.http_protocol_class(
        config=server.config, server_state=server.server_state, app_state={}
    )
    pipe = Pipe()
    protocol.connection_made(pipe)
    seen = []
    for request in requests:
        pipe.writes = []
        protocol.data_received(request)
        async with asyncio.timeout(10):
            while not protocol.cycle.response_complete and not pipe.closed:  # noqa: ASYNC110 - uvicorn has no event
                await asyncio.sleep(0)
        seen.append(pipe.writes)
    protocol.connection_lost(None)
    return seen


class Pipe(asyncio.Transport):
    """A connection whose writes are seen one by one."""

    def __init__(self):
        super().__init__()
        self.writes, self.closed = [], False

    def get_extra_info(self, name, default=None):
        return default

    def write(self, data):
        self.writes.append(bytes(data))

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def pause_reading(self):
        """Nobody reads here."""

    resume_reading = pause_reading


def sends(*messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


def start(*fields, status=200):
    return {"type": "http.response.start", "status": status, "headers": [HEAD, *fields]}


def body(data, **more):
    return {"type": "http.response.body", "body": data, **more}


GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def test_an_answer_of_known_length_is_written_once():
    writes = await answers(sends(start((b"content-length", b"2")), body(b"hi")), GET, GET)

    for [one] in writes:
        assert one.startswith(b"HTTP/1.1 200 OK\r\n")
        assert one.endswith(b"content-type: text/plain\r\ncontent-length: 2\r\n\r\nhi")


@pytest.mark.parametrize(
    ("messages", "method", "count", "end"),
    [
        ([start(), body(b"hi")], b"GET", 2, b"2\r\nhi\r\n0\r\n\r\n"),
        ([start((b"content-length", b"2")), body(b"h", more_body=True), body(b"i")], b"GET", 3, b"\r\n\r\nhi"),
        ([start((b"content-length", b"2")), body(b"hi")], b"HEAD", 1, b"\r\n\r\n"),
        ([start((b"content-length", b"2"), (b"connection", b"close")), body(b"hi")], b"GET", 2, b"\r\n\r\nhi"),
        ([start((b"content-length", b"0"), status=304), body(b"")], b"GET", 2, b"\r\n\r\n"),
    ],
    ids=["a stream", "in parts", "HEAD", "closing", "no body"],
)
async def test_everything_else_goes_the_way_of_uvicorn(messages, method, count, end):
    [writes] = await answers(sends(*messages), GET.replace(b"GET", method))

    assert len(writes) == count
    assert writes[0].startswith(b"HTTP/1.1 ")
    assert b"".join(writes).endswith(end)


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b"])
async def test_a_field_that_would_split_the_answer_is_not_sent(value, caplog):
    """uvicorn refuses it, and answers with a 500 of its own."""
    [writes] = await answers(sends(start((b"content-length", b"2"), (b"x-odd", value)), body(b"hi")), GET)

    assert b"set-cookie" not in b"".join(writes)
    assert b"x-odd" not in b"".join(writes)
    assert "Invalid HTTP header value" in caplog.text


async def test_a_length_that_is_not_the_bodys_is_noticed(caplog):
    await answers(sends(start((b"content-length", b"1")), body(b"hi")), GET)

    assert "longer than Content-Length" in caplog.text


async def test_an_app_that_ends_between_header_and_body_is_told_as_a_fault(caplog):
    [writes] = await answers(sends(start((b"content-length", b"2"))), GET)

    assert b"".join(writes).startswith(b"HTTP/1.1 500 ")
    assert "without starting response" in caplog.text
