"""A long connection ends with its credentials: warned before, closed with 4401, unless they are renewed."""

import asyncio

import pytest

from bff.auth.expiry import Expiry
from bff.context import Principal


class Connection:
    """Notes what its client is told, and when."""

    def __init__(self, clock, expires, **options):
        self.clock = clock
        self.begun = clock.now()
        self.told = []
        self.expiry = Expiry(self.principal(expires), clock=clock, warn=self.warn, close=self.close, **options)
        self.task = asyncio.create_task(self.expiry.run())

    def principal(self, expires, subject="u1"):
        return Principal("i", subject, expires=None if expires is None else self.clock.wall() + expires)

    async def warn(self, seconds):
        self.told.append((self.clock.now() - self.begun, "warned", seconds))

    async def close(self, code, reason):
        self.told.append((self.clock.now() - self.begun, code, reason))


@pytest.fixture
async def connect(clock):
    opened = []

    def open_(expires, **options):
        opened.append(Connection(clock, expires, **options))
        return opened[-1]

    yield open_
    for connection in opened:
        connection.task.cancel()
    await asyncio.gather(*(connection.task for connection in opened), return_exceptions=True)


async def test_the_client_is_warned_and_then_left(connect, clock):
    connection = connect(300)

    await clock.advance(239)
    early = list(connection.told)
    await clock.advance(100)

    assert early == []
    assert connection.told == [(240, "warned", 60), (300, 4401, "Unauthorized")]
    assert connection.task.done()


async def test_credentials_that_are_renewed_in_time_keep_it_open(connect, clock):
    connection = connect(100)
    await clock.advance(60)

    assert connection.expiry.renew(connection.principal(300))
    await clock.advance(230)
    before = list(connection.told)
    await clock.advance(100)

    assert before == [(40, "warned", 60)]
    assert connection.told[1:] == [(300, "warned", 60), (360, 4401, "Unauthorized")]


async def test_somebody_else_cannot_take_the_connection_over(connect, clock):
    connection = connect(100)

    assert not connection.expiry.renew(connection.principal(10_000, subject="u2"))
    await clock.advance(101)

    assert connection.told[-1] == (100, 4401, "Unauthorized")
    assert connection.expiry.principal.subject == "u1"


async def test_who_comes_with_little_time_left_is_warned_at_once(connect, clock):
    connection = connect(10)

    await clock.advance(11)

    assert connection.told == [(0, "warned", 10), (10, 4401, "Unauthorized")]


async def test_credentials_without_an_end_are_never_closed(connect, clock):
    connection = connect(None)

    await clock.advance(100_000)

    assert connection.told == []
    assert not connection.task.done()


async def test_a_clock_that_is_set_forward_is_noticed(connect, clock):
    """PY-20: within a minute, however far the end seemed."""
    connection = connect(7200)
    await clock.advance(90)

    clock.step_wall(7200)
    await clock.advance(60)

    assert [what for _, what, _ in connection.told] == ["warned", 4401]
