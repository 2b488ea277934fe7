"""Which Redis process holds a key, and how several commands reach it in one go."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode, PipelineCommand
from redis.crc import key_slot

Command = tuple[str, tuple[Any, ...]]
"""A key, and the words of a command about it."""

ONLY = ""
"""The name of the one node of a Redis that is no cluster."""


class Nodes(Protocol):
    """One Redis, or the nodes of a cluster."""

    def of(self, key: str) -> str:
        """Return the name of the node that holds *key*, `ONLY` where that is not known yet."""

    def names(self) -> Sequence[str]:
        """Return the nodes that take commands without a key."""

    async def send(self, node: str, commands: Sequence[Command]) -> list[Any]:
        """Return the results of *commands*, all of which belong to *node*.

        Raises:
            RedisError, OSError: The first failure among them.
        """

    def failed(self, node: str) -> None:
        """Hear that *node* did not answer, or sent us elsewhere."""

    async def close(self) -> None:
        """End what runs in the background."""


class Single:
    """One server, found directly or through Sentinel."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def of(self, key: str) -> str:  # noqa: ARG002 - all keys are there
        """Return `ONLY`."""
        return ONLY

    def names(self) -> Sequence[str]:
        """Return the one there is."""
        return (ONLY,)

    async def send(self, node: str, commands: Sequence[Command]) -> list[Any]:  # noqa: ARG002 - there is one node
        """Return the results of *commands*."""
        if len(commands) == 1:
            return [await self._client.execute_command(*commands[0][1])]  # type: ignore[no-untyped-call]  # redis-py's
        async with self._client.pipeline(transaction=False) as pipe:
            for _, words in commands:
                pipe.execute_command(*words)
            return list(await pipe.execute())

    def failed(self, node: str) -> None:
        """Do nothing: there is no other."""

    async def close(self) -> None:
        """Do nothing."""


class Cluster:
    """The nodes of a cluster, each spoken to directly.

    The cluster client of redis-py makes every call wait for a new layout whenever one node fails, and so makes one
    node's trouble everybody's. Here the layout is asked for beside the calls.
    """

    def __init__(self, client: RedisCluster) -> None:
        self._manager = client.nodes_manager
        self._known = False
        self._learning: asyncio.Task[None] | None = None

    def of(self, key: str) -> str:
        """Return the name of the node that holds *key*."""
        nodes = self._manager.slots_cache.get(key_slot(key.encode()))
        return nodes[0].name if nodes else ONLY

    def names(self) -> Sequence[str]:
        """Return all primaries."""
        return [node.name for node in self._manager.get_nodes_by_server_type("primary")] or (ONLY,)

    async def send(self, node: str, commands: Sequence[Command]) -> list[Any]:
        """Return the results of *commands*."""
        if not self._known:
            await self._manager.initialize()
            self._known = True
        if node == ONLY:
            return [(await self.send(self._owner(one[0]), [one]))[0] for one in commands]
        chosen: ClusterNode = self._manager.nodes_cache[node]
        if len(commands) == 1:
            return [await chosen.execute_command(*commands[0][1])]
        batch = [PipelineCommand(place, *words) for place, (_, words) in enumerate(commands)]
        await chosen.execute_pipeline(batch)
        for one in batch:
            if isinstance(one.result, BaseException):
                raise one.result
        return [one.result for one in batch]

    def _owner(self, key: str) -> str:
        owner = self.of(key)
        if owner == ONLY:
            raise ConnectionError("no node of the cluster holds this key")
        return owner

    def failed(self, node: str) -> None:
        """Ask the others for the layout, unless that is under way."""
        if self._known and self._learning is None:
            self._learning = asyncio.create_task(self._learn(node), name="cluster layout")

    async def _learn(self, failed: str) -> None:
        try:
            await self._manager.initialize(last_failed_node_name=failed)
        except Exception:  # noqa: BLE001, S110 - redis-py raises many kinds; the old layout stays, as good as before
            pass
        finally:
            self._learning = None

    async def close(self) -> None:
        """End asking."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.wait([self._learning])


def nodes_of(client: Redis | RedisCluster) -> Nodes:
    """Return the nodes behind *client*."""
    return Cluster(client) if isinstance(client, RedisCluster) else Single(client)
