"""What is kept can be looked at and forgotten, in Redis or through a process."""

import pytest

from bff.testing.redis_server import RedisServer

pytestmark = pytest.mark.xdist_group("redis")


@pytest.fixture
def redis_server(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.stop()


def test_a_tag_is_forgotten_in_redis(project, redis_server):
    """CA-17: one generation more, however many entries there are."""
    result = project().bff("cache", "purge", "--tag", "menus", "--redis-url", redis_server.url)

    assert (result.code, result.out) == (0, "forgotten: tag menus\n")
    assert redis_server.command("EXISTS", "bff:default:2:cache:tag:menus") == b":1"


def test_an_upstream_and_a_key_are_forgotten_in_redis(project, redis_server):
    redis_server.command("SET", "bff:default:2:cache:abc", "x")
    sound = project()

    for option, value in ("--key", "abc"), ("--upstream", "catalog"):
        assert sound.bff("cache", "purge", option, value, "--redis-url", redis_server.url).code == 0

    assert redis_server.command("EXISTS", "bff:default:2:cache:abc") == b":0"
    assert redis_server.command("EXISTS", "bff:default:2:cache:tag:upstream:catalog") == b":1"


def test_redis_is_counted(project, redis_server):
    result = project().bff("cache", "stats", "--redis-url", redis_server.url, "--format", "json")

    assert result.json["store"]["keys"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("purge",),
        ("purge", "--tag", "a", "--key", "b"),
        ("purge", "--tag", "a", "--redis-url", "redis://h", "--admin", "http://h"),
        ("stats", "--admin", "ftp://h"),
        ("stats", "--admin", "http://127.0.0.1:1"),
        ("stats", "--redis-url", "redis://127.0.0.1:1"),
        ("stats", "--redis-url", "http://user:secret@h"),
    ],
)
def test_what_cannot_be_done_is_said(project, words):
    result = project().bff("cache", *words)

    assert result.code == 2
    assert result.err.startswith("bff: ")
    assert "secret" not in result.err
