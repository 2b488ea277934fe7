"""One snapshot a second, made once for all who watch."""

import asyncio
import json

import pytest

from bff.console import stream as module
from bff.console.stream import LONGEST, Stream, TooMany
from bff.testing import VirtualClock


class Camera:
    def __init__(self):
        self.taken = 0
        self.ended = False

    async def take(self):
        self.taken += 1
        return {"number": self.taken}


@pytest.fixture
def camera():
    return Camera()


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
async def stream(camera, clock):
    made = Stream(camera.take, lambda: camera.ended, clock=clock)
    yield made
    await made.close()


async def read(events, into):
    async for event in events:
        into.append(event)


def number(event):
    kind, data = event.decode().strip().split("\n")
    assert kind == "event: snapshot"
    return json.loads(data.removeprefix("data: "))["number"]


async def test_watchers_share_one_snapshot_a_second(stream, camera, clock):
    seen = [[], []]
    tasks = [asyncio.create_task(read(stream.open(), one)) for one in seen]
    await clock.advance(0)
    first = [list(map(number, one)) for one in seen]
    await clock.advance(3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert first == [[1], [1]]
    assert [list(map(number, one)) for one in seen] == [[1, 2, 3, 4], [1, 2, 3, 4]]
    assert camera.taken == 4
    assert stream.watching == 0


async def test_nobody_watches_and_nothing_is_made(stream, camera, clock):
    await clock.advance(60)

    assert camera.taken == 0


async def test_a_stream_ends_with_its_time_and_says_so(stream, clock):
    """So that who may watch is asked again."""
    seen = []
    task = asyncio.create_task(read(stream.open(2.5), seen))
    await clock.advance(10)

    assert task.done()
    assert seen[-1] == b"event: end\ndata: {}\n\n"
    assert len(seen) == 5
    assert LONGEST == 600


async def test_a_stream_ends_with_the_process(stream, camera, clock):
    seen = []
    task = asyncio.create_task(read(stream.open(), seen))
    await clock.advance(1)
    camera.ended = True
    await clock.advance(1)

    assert task.done()


async def test_there_is_a_bound(stream, clock):
    tasks = [asyncio.create_task(read(stream.open(), [])) for _ in range(module.MOST)]
    await clock.advance(0)

    with pytest.raises(TooMany):
        stream.open()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    stream.open()
