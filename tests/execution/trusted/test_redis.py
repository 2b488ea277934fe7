"""What one process was told, another one finds in a real Redis; without Redis both go on."""

import pytest

from bff.clock import SystemClock
from bff.codes import Code
from bff.events import ignore
from bff.policy.caching import StorePolicy
from bff.store.address import Address
from bff.store.redis_store import RedisStore
from bff.testing.redis_server import RedisServer


@pytest.fixture
def redis_server(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
async def open_store(redis_server):
    """Return a function that opens the store of one more process."""
    opened = []

    def open_():
        address, policy = Address.parse(redis_server.url), StorePolicy()
        opened.append(
            RedisStore(address, policy, prefix="bff:test:", use="cache", clock=SystemClock(), notify=ignore)
        )
        return opened[-1]

    yield open_
    for store in opened:
        await store.close()


async def test_a_document_told_to_one_process_runs_in_another(
    trusting, open_store, redis_server, other, home, automatic
):
    one = trusting(open_store(), apq={"enabled": True})
    another = trusting(open_store(), apq={"enabled": True})

    before = await another.ask(None, extensions=automatic(other))
    await one.ask(other, extensions=automatic(other))
    after = await another.ask(None, extensions=automatic(other))
    redis_server.stop()
    near = await another.ask(None, extensions=automatic(other))
    unknown = await another.ask(None, extensions=automatic(home))
    told = await another.ask(home, extensions=automatic(home))

    assert before.refused is Code.PERSISTED_QUERY_NOT_FOUND
    assert after.body == near.body == {"data": {"other": None}}
    assert unknown.refused is Code.PERSISTED_QUERY_NOT_FOUND
    assert told.body == {"data": {"name": None}}
