"""A real Redis, and stores in it."""

import pytest

from bff.clock import SystemClock
from bff.policy.caching import StorePolicy
from bff.store.address import Address
from bff.store.redis_store import RedisStore
from bff.testing.redis_server import RedisServer, free_port


@pytest.fixture
def redis_server(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def free_address():
    return f"redis://127.0.0.1:{free_port()}/0"


@pytest.fixture
async def open_store():
    """Return a function that opens stores, closed at the end."""
    opened = []

    def open_(url, *, clock=None, events=None, **policy):
        opened.append(
            RedisStore(
                Address.parse(url),
                StorePolicy(**policy),
                prefix="bff:test:",
                use="cache",
                clock=clock or SystemClock(),
                notify=[].append if events is None else events.append,
            )
        )
        return opened[-1]

    yield open_
    for store in opened:
        await store.close()
