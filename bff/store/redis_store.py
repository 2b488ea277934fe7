"""The store that replicas share: Redis, standalone, behind Sentinel, or a cluster.

Every command is bounded and sent once; a store that failed five times in ten seconds is left alone for a while. It
says so by `StoreUnavailable`; it never decides what that means.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha1
from secrets import token_hex
from typing import Any, Final, TypeVar

from redis.asyncio import RedisCluster
from redis.exceptions import NoScriptError

from bff.clock import Clock
from bff.events import Notify
from bff.policy.caching import StorePolicy
from bff.store import Listener, StoreUnavailable
from bff.store.address import Address
from bff.store.connect import Client, Times, open_client
from bff.store.guard import Guard
from bff.store.messages import Messages
from bff.store.nodes import ONLY, Command, nodes_of

T = TypeVar("T")

_RELEASE: Final = (
    """if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"""
)
LOST: Final = object()
"""Stands for the result of a command whose node did not answer."""
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
        self._nodes = nodes_of(self._client)
        self._guard = Guard(policy, use=use, clock=clock, notify=notify)
        self._prefix = prefix
        self._clock = clock
        self._messages = Messages(
            lambda: open_client(address, Times(connect, None, 2, wait)), f"{prefix}messages", clock=clock
        )

    @property
    def is_open(self) -> bool:
        """Whether all of Redis is being left alone."""
        return all(self._guard.is_open(node) for node in self._nodes.names())

    async def _do(self, command: Callable[[Client], Awaitable[T]]) -> T:
        """Return what *command* brings, of whatever node.

        Raises:
            StoreUnavailable: Nothing, in its time.
        """
        return await self._guard.run(ONLY, lambda: command(self._client))

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        """Return the results of *commands*, in their order; `LOST` for those whose node did not answer.

        Raises:
            StoreUnavailable: No node did.
        """
        places: dict[str, list[int]] = {}
        for place, (key, _) in enumerate(commands):
            places.setdefault(self._nodes.of(key), []).append(place)
        if len(places) == 1:
            return await self._send_to(next(iter(places)), commands)
        parts = [
            self._send_to(node, [commands[place] for place in mine], one_of_many=True)
            for node, mine in places.items()
        ]
        found: list[Any] = [LOST] * len(commands)
        told = await asyncio.gather(*parts)
        for mine, results in zip(places.values(), told, strict=True):
            for place, result in zip(mine, results, strict=True):
                found[place] = result
        if all(one is LOST for one in found):
            raise StoreUnavailable("no node answered")
        return found

    async def _send_to(self, node: str, commands: Sequence[Command], *, one_of_many: bool = False) -> list[Any]:
        try:
            return await self._guard.run(node, lambda: self._nodes.send(node, commands))
        except StoreUnavailable as error:
            if error.waited:
                self._nodes.failed(node)
            if one_of_many:
                return [LOST] * len(commands)
            raise

    def _about(self, key: str, verb: str, *words: Any) -> Command:
        name = self._prefix + key
        return name, (verb, name, *words)

    async def get(self, keys: Sequence[str]) -> dict[str, bytes | None]:
        """Return the value of each of *keys*, None where there is none; what cannot be read is not there."""
        if not keys:
            return {}
        found = await self._send([self._about(key, "GET") for key in keys])
        return {key: value for key, value in zip(keys, found, strict=True) if value is not LOST}

    async def set(self, values: Mapping[str, bytes], ttl: float) -> None:
        """Keep *values* for *ttl* seconds."""
        lasting = max(1, int(ttl * 1000))
        _require_all(
            await self._send([self._about(key, "SET", value, "PX", lasting) for key, value in values.items()])
        )

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget *keys*."""
        if keys:
            _require_all(await self._send([self._about(key, "DEL") for key in keys]))

    async def add(self, key: str, amount: int, ttl: float) -> int:
        """Add *amount* to a counter and return its value; it lapses *ttl* seconds after its first use."""
        begin = self._about(key, "SET", 0, "PX", max(1, int(ttl * 1000)), "NX")
        return int((await self._send([begin, self._about(key, "INCRBY", amount)]))[1])

    async def acquire(self, key: str, ttl: float) -> str | None:
        """Take the lease *key* for *ttl* seconds; None when somebody has it (CA-13)."""
        return (await self.acquire_all([key], ttl))[key]

    async def acquire_all(self, keys: Sequence[str], ttl: float) -> dict[str, str | None]:
        """Take those of the leases *keys* that nobody has, and return the token of each; None for the others."""
        token, lasting = token_hex(8), max(1, int(ttl * 1000))
        taken = await self._send([self._about(key, "SET", token, "NX", "PX", lasting) for key in keys])
        return {key: token if one else None for key, one in zip(keys, taken, strict=True) if one is not LOST}

    async def release(self, key: str, token: str) -> None:
        """Give the lease back, if it is still the one of *token*."""
        await self.release_all({key: token})

    async def evaluate(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return what the Lua *script* returns; Redis is sent its text only where it does not know it yet.

        All *keys* must lie on one node: write the part that decides where in braces.
        """
        names = [self._prefix + key for key in keys]
        digest = _digest(script)

        async def run(client: Client) -> Any:
            try:
                return await client.evalsha(digest, len(names), *names, *args)
            except NoScriptError:
                return await client.eval(script, len(names), *names, *args)

        return await self._guard.run(self._nodes.of(names[0]), lambda: run(self._client))

    async def release_all(self, tokens: Mapping[str, str]) -> None:
        """Give back the leases that are still those of *tokens*."""
        names = [(self._prefix + key, token) for key, token in tokens.items()]
        _require_all(await self._send([(name, ("EVAL", _RELEASE, 1, name, token)) for name, token in names]))

    async def generations(self, tags: Sequence[str]) -> dict[str, int]:
        """Return the generation of each of *tags*, 0 for one that was never forgotten; without those unread."""
        names = {f"tag:{tag}": tag for tag in tags}
        return {names[name]: int(value or 0) for name, value in (await self.get(list(names))).items()}

    async def forget(self, tags: Sequence[str]) -> None:
        """Give *tags* generations they never had, in constant time, and tell the other replicas (CA-17).

        A generation begins at the time in microseconds, so that one which Redis has lost does not come back.
        """
        beginning = int(self._clock.wall() * 1_000_000)
        commands = []
        for name in [f"tag:{tag}" for tag in tags]:
            commands += [
                self._about(name, "SET", beginning, "NX", "EX", GENERATION_LIFE),
                self._about(name, "INCR"),
                self._about(name, "EXPIRE", GENERATION_LIFE),
            ]
        renewed = await self._send(commands)
        await self._publish(self._messages.forgetting(tags))
        _require_all(renewed)

    async def hint(self, hint: tuple[str, str]) -> None:
        """Tell the other replicas that the breaker of an upstream's group has opened (CB-12)."""
        await self._publish(self._messages.hinting(hint))

    async def _publish(self, text: str) -> None:
        """Tell the others through any node that is well; a cluster hands messages on to all its nodes."""
        names = self._nodes.names()
        node = next((name for name in names if not self._guard.is_open(name)), names[0])
        channel = self._messages.channel
        await self._send_to(node, [(channel, ("PUBLISH", channel, text))])

    def listen(self, listener: Listener) -> None:
        """Tell *listener* what other replicas forget, from the first moment that Redis can be reached (CA-18)."""
        self._messages.listen(listener)

    def listen_hints(self, hear: Callable[[tuple[str, str]], None]) -> None:
        """Pass on what others hint at."""
        self._messages.listen_hints(hear)

    def start(self) -> None:
        """Begin to hear of others; needs a running event loop."""
        self._messages.start(self._heartbeat)

    async def _heartbeat(self) -> None:
        await self._publish(self._messages.forgetting(()))

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
        await self._guard.close()
        await self._nodes.close()
        await self._client.aclose()
        if isinstance(self._client, RedisCluster):
            await self._client.nodes_manager.aclose()


def _require_all(results: Sequence[Any]) -> None:
    if any(one is LOST for one in results):
        raise StoreUnavailable("a node of the cluster did not answer")


@lru_cache(maxsize=64)
def _digest(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
