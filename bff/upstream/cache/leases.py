"""One process fetches, the others wait for it (CA-13), and fail with it (CA-10)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from bff.store import Store, StoreUnavailable
from bff.upstream.cache.aftermath import Aftermath
from bff.upstream.errors import Phase, UpstreamError
from bff.upstream.outcome import FACTS, Outcome

JUST_FAILED = 1.0
"""Seconds for which those who wait hear that the fetch failed."""

_LEASE = ":lease"
_FAILED = ":failed"


class _Failure(msgspec.Struct, array_like=True):
    outcome: str
    detail: str
    phase: Phase | None
    status: int | None
    retry_after: float | None


class Leases:
    """The right to fetch, one holder at a time among all processes. A store that fails gives it to everybody.

    Args:
        store: What replicas share.
        aftermath: Of failures of the store.
        written: Waits until what was fetched is where the others find it.
    """

    def __init__(self, store: Store, aftermath: Aftermath, *, written: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._aftermath = aftermath
        self._written = written
        self._tasks: set[asyncio.Task[None]] = set()

    async def acquire(self, keys: Sequence[str], ttl: float) -> dict[str, str]:
        """Return those of *keys* that are ours to fetch for *ttl* seconds, each with its token."""
        if self._aftermath.lasts:
            return dict.fromkeys(keys, "")
        try:
            tokens = await self._store.acquire_all([key + _LEASE for key in keys], ttl)
        except StoreUnavailable as failure:
            self._aftermath.begin(failure)
            return dict.fromkeys(keys, "")
        told = {key: tokens.get(key + _LEASE, "") for key in keys}
        return {key: token for key, token in told.items() if token is not None}

    def release(self, held: Mapping[str, str], error: UpstreamError | None = None) -> None:
        """Give back what is *held* as soon as what was fetched is written; nobody waits for that.

        Those who wait for it are told *error*, unless it is our own fault.
        """
        tokens = {key + _LEASE: token for key, token in held.items() if token}
        if tokens:
            failed = {} if error is None else _marks(held, error)
            task = asyncio.create_task(self._release(tokens, failed), name="cache lease")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _release(self, tokens: Mapping[str, str], failed: Mapping[str, bytes]) -> None:
        await self._written()
        try:
            if failed:
                await self._store.set(failed, JUST_FAILED)
            await self._store.release_all(tokens)
        except StoreUnavailable as failure:
            self._aftermath.begin(failure)

    async def failure(self, keys: Sequence[str]) -> UpstreamError | None:
        """Return how a fetch of one of *keys* has just failed elsewhere, None if none has."""
        if self._aftermath.lasts:
            return None
        try:
            values = await self._store.get([key + _FAILED for key in keys])
        except StoreUnavailable as failure:
            self._aftermath.begin(failure)
            return None
        found = [_read(value) for value in values.values() if value is not None]
        return next((error for error in found if error is not None), None)

    async def close(self) -> None:
        """End what is under way; leases lapse by themselves."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _marks(held: Mapping[str, str], error: UpstreamError) -> dict[str, bytes]:
    if not _is_the_services(error):
        return {}
    said = _Failure(error.outcome, error.detail, error.phase, error.status, error.retry_after)
    return dict.fromkeys([key + _FAILED for key in held], msgspec.msgpack.encode(said))


def _is_the_services(error: UpstreamError) -> bool:
    if error.phase in ("operation", "call", "queue"):
        return False
    return FACTS[error.outcome].breaker == "failure" or error.outcome is Outcome.THROTTLED


def _read(data: bytes) -> UpstreamError | None:
    try:
        said = msgspec.msgpack.decode(data, type=_Failure)
        outcome = Outcome(said.outcome)
    except (msgspec.DecodeError, ValueError, UnicodeDecodeError):
        return None
    return UpstreamError(
        outcome,
        f"another process has just been told: {said.detail}",
        phase=said.phase,
        status=said.status,
        retry_after=said.retry_after,
    )
