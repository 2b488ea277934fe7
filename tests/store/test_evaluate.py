"""Scripts run in Redis, and their text travels once."""

import pytest

from bff.store import StoreUnavailable

ECHO = "return {KEYS[1], ARGV[1], tonumber(ARGV[2]) + 1}"


async def test_a_script_gets_its_keys_with_the_prefix_and_its_arguments(redis_server, open_store):
    store = open_store(redis_server.url, command_timeout="5s")

    assert await store.evaluate(ECHO, ["k"], ["a", 1]) == [b"bff:test:k", b"a", 2]


async def test_the_text_is_sent_again_only_where_redis_does_not_know_it(redis_server, open_store):
    store = open_store(redis_server.url, command_timeout="5s")
    for _ in range(3):
        await store.evaluate(ECHO, ["k"], ["a", 1])
    redis_server.command("SCRIPT", "FLUSH")

    assert await store.evaluate(ECHO, ["k"], ["a", 1]) == [b"bff:test:k", b"a", 2]


async def test_a_script_that_fails_or_a_redis_that_is_away_is_no_store(redis_server, open_store):
    store = open_store(redis_server.url, command_timeout="5s")
    with pytest.raises(StoreUnavailable):
        await store.evaluate("return redis.call('NOSUCH')", ["k"], [])
    redis_server.stop()

    with pytest.raises(StoreUnavailable):
        await store.evaluate(ECHO, ["k"], ["a", 1])
