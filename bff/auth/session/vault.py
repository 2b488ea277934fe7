"""Where sessions and logins under way lie: encrypted, in the store that replicas share."""

from collections.abc import Awaitable, Sequence
from typing import TypeVar

import msgspec

from bff.auth.session.errors import LoginUnavailable
from bff.auth.session.record import Attempt, Session, digest, encode
from bff.auth.session.sealing import Sealer
from bff.clock import Clock
from bff.store import Store, StoreUnavailable

ATTEMPT_LIFE = 600.0
"""Seconds in which a login must be finished."""

RETIREMENT = 30.0
"""Seconds for which a replaced session is still good, for the other tabs of its browser (SE-4)."""

INDEX_LEASE = 5.0
_TOUCHES = 30
"""How often in the idle time a use is written down; a session may end so much of it too early."""
_AGAIN = 0.05

T = TypeVar("T")


class Vault:
    """Keeps them; every method raises `LoginUnavailable` when the store does not answer.

    Tokens and the time of the last use have keys of their own, so that noting a use never undoes a renewal.

    Args:
        store: For sessions alone.
        sealer: Encrypts.
        idle: Seconds after which an unused session has ended.
        clock: Tells what time it is.
    """

    def __init__(self, store: Store, sealer: Sealer, *, idle: float, clock: Clock) -> None:
        self._store = store
        self._sealer = sealer
        self._idle = idle
        self._clock = clock

    # Sessions

    async def find(self, key: str) -> Session | None:
        """Return the session *key*, None when it has ended."""
        sealed, seen = await self._get(f"session:{key}", f"seen:{key}")
        if sealed is None or seen is None:
            return None
        session = self._opened(sealed, f"session:{key}", Session)
        return session if session and session.ends > self._clock.wall() else None

    async def use(self, key: str) -> Session | None:
        """Return the session *key* and note that it was used; None when it has ended."""
        sealed, seen = await self._get(f"session:{key}", f"seen:{key}")
        if sealed is None or seen is None:
            return None
        session = self._opened(sealed, f"session:{key}", Session)
        if session is None or session.ends <= self._clock.wall():
            return None
        if self._clock.wall() - float(seen) >= self._idle / _TOUCHES:
            await self._set({f"seen:{key}": self._now()}, self._idle)
        return session

    async def open(self, key: str, session: Session) -> None:
        """Keep a new session, where the issuer's logout finds it too."""
        await self.replace(key, session)
        await self._set({f"seen:{key}": self._now()}, self._idle)
        for name in _names(session):
            await self._add_to_index(name, key, session.ends - self._clock.wall())

    async def replace(self, key: str, session: Session) -> None:
        """Put *session* in the place of what is there, at once and whole."""
        place = f"session:{key}"
        await self._set({place: self._sealer.seal(encode(session), place)}, session.ends - self._clock.wall())

    async def retire(self, key: str) -> None:
        """Let the session *key* end soon: another one has taken its place."""
        session = await self.find(key)
        if session is None:
            return
        ends = min(session.ends, self._clock.wall() + RETIREMENT)
        await self.replace(key, msgspec.structs.replace(session, ends=ends))

    async def end(self, key: str, *, patience: float = 0.0) -> None:
        """Forget the session *key*; a renewal that would undo it is waited for *patience* seconds."""
        lease = await self._lease_within(f"refresh:{key}", patience) if patience else None
        try:
            await self._guard(self._store.delete([f"session:{key}", f"seen:{key}"]))
        finally:
            if lease is not None:
                await self.release(key, lease)

    async def end_all(self, issuer: str, *, sid: str | None, subject: str | None, patience: float) -> int:
        """Forget the sessions of a login, or all of a person where *sid* is None; return how many there were."""
        name = _index(issuer, "sid", sid) if sid is not None else _index(issuer, "sub", subject or "")
        keys = await self._read_index(name)
        for key in keys:
            await self.end(key, patience=patience)
        await self._guard(self._store.delete([name]))
        return len(keys)

    async def lease(self, key: str, seconds: float) -> str | None:
        """Return the right to renew the session *key*, None while somebody else has it (SE-4)."""
        return await self._guard(self._store.acquire(f"refresh:{key}", seconds))

    async def release(self, key: str, lease: str) -> None:
        """Give the right back; it lapses by itself where the store is away."""
        try:
            await self._store.release(f"refresh:{key}", lease)
        except StoreUnavailable:
            return

    async def is_new(self, name: str, seconds: float) -> bool:
        """Return whether *name* was not seen within the last *seconds*."""
        return await self._guard(self._store.add(f"once:{digest(name)}", 1, seconds)) == 1

    # Logins under way

    async def begin(self, state: str, attempt: Attempt) -> None:
        """Keep a login under way."""
        place = f"attempt:{digest(state)}"
        await self._set({place: self._sealer.seal(encode(attempt), place)}, ATTEMPT_LIFE)

    async def look_up(self, state: str) -> Attempt | None:
        """Return the login under way *state*."""
        place = f"attempt:{digest(state)}"
        (sealed,) = await self._get(place)
        return None if sealed is None else self._opened(sealed, place, Attempt)

    async def claim(self, state: str) -> bool:
        """Return whether the login *state* is taken for the first time; then it is forgotten."""
        first = await self.is_new(f"state {state}", ATTEMPT_LIFE)
        await self._guard(self._store.delete([f"attempt:{digest(state)}"]))
        return first

    # The store

    async def _add_to_index(self, name: str, key: str, seconds: float) -> None:
        lease = await self._lease_within(f"{name}:lease", INDEX_LEASE)
        try:
            keys = [known for known in await self._read_index(name) if await self.find(known) is not None]
            await self._set({name: encode([*keys, key])}, seconds)
        finally:
            if lease is not None:
                await self._guard(self._store.release(f"{name}:lease", lease))

    async def _read_index(self, name: str) -> list[str]:
        (found,) = await self._get(name)
        return msgspec.json.decode(found, type=list[str]) if found else []

    async def _lease_within(self, name: str, patience: float) -> str | None:
        until = self._clock.now() + patience
        while True:
            lease = await self._guard(self._store.acquire(name, INDEX_LEASE))
            if lease is not None or self._clock.now() >= until:
                return lease
            await self._clock.sleep(_AGAIN)

    def _opened(self, sealed: bytes, place: str, kind: type[T]) -> T | None:
        plain = self._sealer.open(sealed, place)
        if plain is None:
            return None
        try:
            return msgspec.json.decode(plain, type=kind)
        except msgspec.DecodeError:
            return None

    def _now(self) -> bytes:
        return b"%.3f" % self._clock.wall()

    async def _get(self, *places: str) -> list[bytes | None]:
        return await self._guard(self._read(places))

    async def _read(self, places: Sequence[str]) -> list[bytes | None]:
        found = await self._store.get(places)
        if any(place not in found for place in places):
            raise StoreUnavailable("a part of the session cannot be read")
        return [found[place] for place in places]

    async def _set(self, values: dict[str, bytes], seconds: float) -> None:
        await self._guard(self._store.set(values, max(seconds, 1.0)))

    async def _guard(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except StoreUnavailable as error:
            raise LoginUnavailable(f"the store: {error}") from error


def _index(issuer: str, kind: str, name: str) -> str:
    return f"of:{digest(f'{issuer} {kind} {name}')}"


def _names(session: Session) -> list[str]:
    """Return where the issuer's logout will look for *session*."""
    by_subject = _index(session.issuer, "sub", session.subject)
    return [by_subject] if session.sid is None else [by_subject, _index(session.issuer, "sid", session.sid)]
