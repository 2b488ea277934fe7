"""API keys `PREFIX_ID.SECRET`: only a hash of the secret is kept, in a file (AK-1).

A file rather than the shared store, because a key that is lost with a cache locks a program out, and one that is
revoked while Redis is away has to end all the same.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from bff.auth.verdicts import Rejected
from bff.clock import Clock
from bff.context import Principal
from bff.events import ApiKeysRead, Notify
from bff.policy.api_keys import ApiKey, ApiKeyFile
from bff.policy.auth import ApiKeys
from bff.policy.document import parse
from bff.policy.explain import explain
from bff.policy.problem import Problem
from bff.policy.render import as_yaml
from bff.store import Store, StoreUnavailable

ISSUER: Final = "keys"
"""Who vouches for a principal known by an API key."""
MOST_PER_CLIENT: Final = 2
"""Keys of one program that work at the same time: the old one and the new one."""

_LOOK_AGAIN: Final = 1.0
_NOTE_EVERY: Final = 60.0
_USES_KEPT: Final = 90 * 86_400.0
_LARGEST_FILE: Final = 4 * 1024 * 1024
_FORM = re.compile(rb"[a-z][a-z0-9]{0,15}_([A-Za-z0-9]{8,32})\.([A-Za-z0-9_-]{43})")
_NOBODY: Final = "sha256:" + "0" * 64
_HEAD: Final = "# Made by `bff token key`. Only hashes are here; a secret is shown once, when its key is made.\n"


class KeysUnusable(ValueError):
    """The file cannot be used; the message says where and why."""


class NewKey(NamedTuple):
    """A key as its holder gets it, and what is kept of it."""

    id: str
    text: str
    kept: ApiKey


def make_key(kept: Callable[[str], ApiKey], prefix: str, random: Callable[[int], str]) -> NewKey:
    """Return a new key.

    Args:
        kept: Makes what is kept, from the hash.
        prefix: How it begins.
        random: Returns so many random bytes as base64url, such as `secrets.token_urlsafe`.
    """
    identity = re.sub("[^A-Za-z0-9]", "", random(24))[:12].ljust(12, "0")
    secret = random(32)
    return NewKey(identity, f"{prefix}_{identity}.{secret}", kept(hash_of(secret.encode("ascii"))))


def hash_of(secret: bytes) -> str:
    """Return what is kept of *secret*; it is random enough to need no slow hash."""
    return "sha256:" + hashlib.sha256(secret).hexdigest()


def read_keys(path: Path) -> dict[str, ApiKey]:
    """Return the keys in the file *path*.

    Raises:
        KeysUnusable: It cannot be read or is wrong; every problem is told.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE)
    except OSError as error:
        raise KeysUnusable(f"{path} cannot be read: {error.strerror}; `bff token key create` makes one") from error
    document, problems = parse(path.as_posix(), content)
    if document is None or problems:
        raise KeysUnusable(_said(problems))
    try:
        return dict(ApiKeyFile.model_validate(document.plain() or {}).keys)
    except ValidationError as error:
        raise KeysUnusable(_said(explain(error, ApiKeyFile, document, {}))) from error


def _said(problems: list[Problem]) -> str:
    return "\n".join(map(str, problems))


def write_keys(path: Path, keys: Mapping[str, ApiKey]) -> None:
    """Replace the file *path* by one with *keys*, at once and readable only by its owner.

    Raises:
        OSError: It cannot be written.
    """
    lines = [f"  {as_yaml(identity)}: {as_yaml(_entry(key))}\n" for identity, key in sorted(keys.items())]
    text = _HEAD + ("keys:\n" + "".join(lines) if lines else "keys: {}\n")
    beside = path.with_name(f".{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_text(text, "utf-8")
    beside.replace(path)


def _entry(key: ApiKey) -> dict[str, object]:
    entry = key.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in entry.items() if value != []}


def is_good(key: ApiKey, now: float) -> bool:
    """Return whether *key* has not expired; *now* in seconds since the epoch."""
    return key.expires is None or now < key.expires.timestamp()


def use_name(identity: str) -> str:
    """Return under which name a store keeps when the key *identity* was last used."""
    return f"api-key:{identity}"


class ApiKeyring:
    """The keys of one file, read again when it changes; implements `KeyHolders`.

    Args:
        policy: Which file and header; `file` must be set.
        clock: For expiry.
        notify: Hears when the file was read again, or could not be.

    Raises:
        KeysUnusable: The file cannot be used.
    """

    def __init__(self, policy: ApiKeys, *, clock: Clock, notify: Notify) -> None:
        self.field = policy.header.encode("ascii")
        self._path = Path((policy.file or "").removeprefix("file:"))
        self._clock = clock
        self._notify = notify
        self._keys = read_keys(self._path)
        self._state = self._look()
        self._look_at = clock.now() + _LOOK_AGAIN
        self._store: Store | None = None
        self._noted: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    def note_uses_in(self, store: Store) -> None:
        """Write into *store* when a key was last used, once a minute at most."""
        self._store = store

    def verify(self, key: bytes) -> Principal:
        """Return whose *key* it is.

        Raises:
            Rejected: Nobody's, or no longer.
        """
        self._refresh()
        match = _FORM.fullmatch(key)
        if match is None:
            raise Rejected("api key", "not of the form of a key")
        identity = match[1].decode("ascii")
        known = self._keys.get(identity)
        same = hmac.compare_digest(hash_of(match[2]), known.hash if known else _NOBODY)
        if known is None or not same:
            raise Rejected("api key", f"key {identity}: {'another secret' if known else 'unknown'}")
        if not is_good(known, self._clock.wall()):
            raise Rejected("expired", f"key {identity}")
        self._note(identity)
        return Principal(
            issuer=ISSUER,
            subject=known.client,
            scopes=frozenset(known.scopes),
            client=known.client,
            tenant=known.tenant,
            expires=known.expires.timestamp() if known.expires else None,
        )

    def _refresh(self) -> None:
        if self._clock.now() < self._look_at:
            return
        self._look_at = self._clock.now() + _LOOK_AGAIN
        state = self._look()
        if state == self._state:
            return
        self._state = state
        try:
            self._keys = read_keys(self._path)
        except KeysUnusable as error:
            self._notify(ApiKeysRead(len(self._keys), str(error)))
        else:
            self._notify(ApiKeysRead(len(self._keys), ""))

    def _look(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _note(self, identity: str) -> None:
        now = self._clock.now()
        if self._store is None or now < self._noted.get(identity, float("-inf")) + _NOTE_EVERY:
            return
        self._noted[identity] = now
        task = asyncio.ensure_future(self._write(self._store, identity))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write(self, store: Store, identity: str) -> None:
        try:
            await store.set({use_name(identity): b"%d" % self._clock.wall()}, _USES_KEPT)
        except StoreUnavailable:
            self._noted.pop(identity, None)

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._notes:
            await asyncio.wait(self._notes)


def now_utc(clock: Clock) -> datetime:
    """Return the time of day of *clock*, to the second."""
    return datetime.fromtimestamp(int(clock.wall()), UTC)
