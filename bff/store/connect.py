"""Clients of redis-py, each built so that nothing is repeated and nothing waits for long (PY-14, CA-19)."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from bff.store.address import Address

Client = Redis | RedisCluster
_HEALTH_CHECK = 15


@dataclass(frozen=True, slots=True)
class Times:
    """Bounds of one client, in seconds; `command` is None for one that waits for messages."""

    connect: float = 0.2
    command: float | None = 0.05
    pool: int = 50
    pool_wait: float = 0.05


class BlockingSentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Finds the primary through Sentinel, and waits for a free connection instead of failing at once."""


def open_client(address: Address, times: Times) -> Client:
    """Return a client of *address*; nothing is connected before the first command."""
    if address.kind == "cluster":
        return RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
            retry=Retry(NoBackoff(), 0),
            cluster_error_retry_attempts=0,
            require_full_coverage=False,
            max_connections=times.pool,
            ssl=address.tls,
            **_login(address),
            **_bounds(times),
        )
    if address.kind == "sentinel":
        return _through_sentinel(address, times)
    options: dict[str, Any] = {"connection_class": SSLConnection} if address.tls else {}
    pool = BlockingConnectionPool(
        host=address.nodes[0][0],
        port=address.nodes[0][1],
        db=address.db,
        retry=Retry(NoBackoff(), 0),
        max_connections=times.pool,
        timeout=times.pool_wait,
        health_check_interval=_HEALTH_CHECK,
        **_login(address),
        **_bounds(times),
        **options,
    )
    return Redis.from_pool(pool)


def _through_sentinel(address: Address, times: Times) -> Redis:
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        address.nodes,
        sentinel_kwargs={"retry": Retry(NoBackoff(), 0), **_bounds(Times(times.connect, times.connect))},
    )
    client: Redis = sentinel.master_for(
        address.service,
        connection_pool_class=BlockingSentinelPool,
        db=address.db,
        ssl=address.tls,
        retry=Retry(NoBackoff(), 0),
        max_connections=times.pool,
        timeout=times.pool_wait,
        health_check_interval=_HEALTH_CHECK,
        **_login(address),
        **_bounds(times),
    )
    return client


def _login(address: Address) -> dict[str, Any]:
    return {"username": address.username, "password": address.password}


def _bounds(times: Times) -> dict[str, Any]:
    return {"socket_connect_timeout": times.connect, "socket_timeout": times.command}
