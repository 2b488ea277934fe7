"""The store that replicas share: Redis, standalone, behind Sentinel, or a cluster.

Every command is bounded and sent once; a store that failed five times in ten seconds is left alone for a while. It
says so by `StoreUnavailable`; it never decides what that means.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from secrets import token_hex
from typing import Any, Final, TypeVar

from redis.asyncio import RedisCluster
from redis.exceptions import RedisError

from bff.clock import Clock
from bff.events import Notify, StoreFailed
from bff.policy.caching import StorePolicy
from bff.store import Listener, StoreUnavailable
from bff.store.address import Address
from bff.store.breaker import StoreBreaker
from bff.store.connect import Client, Times, open_client
from bff.store.messages import Messages

T = TypeVar("T")

_RELEASE: Final = (
    """if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"""
)
_FAILURES = (RedisError, OSError, asyncio.TimeoutError, ValueError)
_SLACK = 0.05
"""Seconds beyond connecting, waiting and answering after which a command is given up whatever it is doing."""
GENERATION_LIFE: Final = 2 * 86_400 + 3600
"""Seconds that a generation outlives its last change: longer than any entry that knows an older one."""


class RedisStore:
    """Shared state in Redis, for one use: a cache, a limiter and a queue have clients and breakers of their own.

    Args:
        address: Where Redis is.
        policy: Times, sizes and breaker.
        prefix: Begins every key: environment and format.
        use: Names it in events.
        clock: For the breaker and for silence.
        notify: Told of failed commands.
    """

    shared = True

    def __init__(
        self, address: Address, policy: StorePolicy, *, prefix: str, use: str, clock: Clock, notify: Notify
    ) -> None:
        connect = policy.connect_timeout.total_seconds()
        command = policy.command_timeout.total_seconds()
        wait = policy.pool_wait.total_seconds()
        self._client: Client = open_client(address, Times(connect, command, policy.pool_size, wait))
        self._patience = max(command, wait)
        self._connect_limit = connect + command + wait + _SLACK
        self._late: set[asyncio.Task[Any]] = set()
        self._prefix = prefix
        self._use = use
        self._clock = clock
        self._notify = notify
        self._breaker = StoreBreaker(
            policy.breaker_errors,
            policy.breaker_open.total_seconds(),
            policy.breaker_open_max.total_seconds(),
            clock=clock,
        )
        self._messages = Messages(
            lambda: open_client(address, Times(connect, None, 2, wait)), f"{prefix}messages", clock=clock
        )

    @property
    def is_open(self) -> bool:
        """Whether Redis is being left alone."""
        return self._breaker.is_open

    async def _do(self, command: Callable[[Client], Awaitable[T]]) -> T:
        """Return what *command* brings.

        Nobody waits longer than for one command, or for one turn in the pool. What else it needs, such as a new
        connection, goes on without the caller, so that the next one finds it.

        Raises:
            StoreUnavailable: Nothing, in its time.
        """
        if not self._breaker.permit():
            self._notify(StoreFailed(self._use, "left alone after failures", refused=True))
            raise StoreUnavailable("left alone after failures")
        task = asyncio.ensure_future(self._bounded(command))
        self._late.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait([task], timeout=self._patience)
        if not task.done():
            raise self._failed(f"no answer within {self._patience * 1000:g} ms")
        try:
            found = task.result()
        except _FAILURES as error:
            raise self._failed(f"{type(error).__name__}: {error}") from error
        self._breaker.succeeded()
        return found

    async def _bounded(self, command: Callable[[Client], Awaitable[T]]) -> T:
        async with asyncio.timeout(self._connect_limit):
            return await command(self._client)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()

    def _failed(self, reason: str) -> StoreUnavailable:
        self._breaker.failed()
        self._notify(StoreFailed(self._use, reason, refused=False))
        return StoreUnavailable(reason)

    async def _pipeline(self, commands: Callable[[Any], None]) -> list[Any]:
        async def run(client: Client) -> list[Any]:
            async with client.pipeline(transaction=False) as pipe:
                commands(pipe)
                return await pipe.execute()

        return await self._do(run)

    async def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the value of each of *keys*, None where there is none."""
        if not keys:
            return []
        if len(keys) == 1:
            found: Any = await self._do(lambda client: client.get(self._prefix + keys[0]))
            return [found]

        def ask(pipe: Any) -> None:
            for key in keys:
                pipe.get(self._prefix + key)

        return await self._pipeline(ask)

    async def set(self, values: Mapping[str, bytes], ttl: float) -> None:
        """Keep *values* for *ttl* seconds."""
        lasting = max(1, int(ttl * 1000))

        def fill(pipe: Any) -> None:
            for key, value in values.items():
                pipe.set(self._prefix + key, value, px=lasting)

        await self._pipeline(fill)

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget *keys*."""

        def drop(pipe: Any) -> None:
            for key in keys:
                pipe.delete(self._prefix + key)

        if keys:
            await self._pipeline(drop)

    async def add(self, key: str, amount: int, ttl: float) -> int:
        """Add *amount* to a counter and return its value; it lapses *ttl* seconds after its first use."""
        name = self._prefix + key

        def count(pipe: Any) -> None:
            pipe.set(name, 0, px=max(1, int(ttl * 1000)), nx=True)
            pipe.incrby(name, amount)

        return int((await self._pipeline(count))[1])

    async def acquire(self, key: str, ttl: float) -> str | None:
        """Take the lease *key* for *ttl* seconds; None when somebody has it (CA-13)."""
        token = token_hex(8)
        taken = await self._do(
            lambda client: client.set(self._prefix + key, token, nx=True, px=max(1, int(ttl * 1000)))
        )
        return token if taken else None

    async def release(self, key: str, token: str) -> None:
        """Give the lease back, if it is still the one of *token*."""
        await self._do(lambda client: client.eval(_RELEASE, 1, self._prefix + key, token))

    async def acquire_all(self, keys: Sequence[str], ttl: float) -> list[str | None]:
        """Take each of the leases *keys* that nobody has, and return its token; None for the others (CA-13)."""
        token, lasting = token_hex(8), max(1, int(ttl * 1000))

        def take(pipe: Any) -> None:
            for key in keys:
                pipe.set(self._prefix + key, token, nx=True, px=lasting)

        return [token if taken else None for taken in await self._pipeline(take)]

    async def release_all(self, tokens: Mapping[str, str]) -> None:
        """Give back the leases that are still those of *tokens*."""

        def give(pipe: Any) -> None:
            for key, token in tokens.items():
                pipe.eval(_RELEASE, 1, self._prefix + key, token)

        await self._pipeline(give)

    async def generations(self, tags: Sequence[str]) -> list[int]:
        """Return the generation of each of *tags*; 0 for one that was never forgotten."""
        return [int(value) if value else 0 for value in await self.get([f"tag:{tag}" for tag in tags])]

    async def forget(self, tags: Sequence[str]) -> None:
        """Give *tags* generations they never had, in constant time, and tell the other replicas (CA-17).

        A generation begins at the time in microseconds, so that one which Redis has lost does not come back.
        """
        beginning = int(self._clock.wall() * 1_000_000)

        def renew(pipe: Any) -> None:
            for tag in tags:
                name = f"{self._prefix}tag:{tag}"
                pipe.set(name, beginning, nx=True, ex=GENERATION_LIFE)
                pipe.incr(name)
                pipe.expire(name, GENERATION_LIFE)

        await self._pipeline(renew)
        await self._do(lambda client: client.publish(*self._messages.telling(tags)))

    def listen(self, listener: Listener) -> None:
        """Tell *listener* what other replicas forget, from the first moment that Redis can be reached (CA-18)."""
        self._messages.listen(listener)

    def start(self) -> None:
        """Begin to hear of others; needs a running event loop."""
        self._messages.start(self._heartbeat)

    async def _heartbeat(self) -> None:
        await self._do(lambda client: client.publish(*self._messages.telling(())))

    def silent_for(self) -> float:
        """Return for how long nothing was heard of other replicas, in seconds."""
        return self._messages.silent_for()

    async def stats(self) -> dict[str, int | str]:
        """Return how much Redis holds in all."""
        keys: Any = await self._do(lambda client: client.dbsize())
        if isinstance(self._client, RedisCluster):
            return {"kind": "redis cluster", "keys": int(keys)}
        memory: Any = await self._do(lambda client: client.info("memory"))
        return {"kind": "redis", "keys": int(keys), "bytes": int(memory["used_memory"])}

    async def close(self) -> None:
        """End the listener and all connections."""
        await self._messages.close()
        for task in self._late:
            task.cancel()
        if self._late:
            await asyncio.wait(self._late)
        await self._client.aclose()
