"""An issuer's public keys: fetched ahead, kept through outages, not refetched for strangers (JK-1 to JK-5)."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple, Protocol

from bff.auth.fetch import FetchFailed, Web, place_of
from bff.auth.keys import BadKey, Key, KeySet, key_set_of
from bff.auth.verdicts import CannotJudge, Rejected
from bff.auth.waiting import sleep_unless
from bff.clock import Clock
from bff.events import KeysFailed, KeysFetched, KeyUnknown, Notify
from bff.policy.auth import Keys

SHORTEST_LIFE: Final = 60.0
LONGEST_LIFE: Final = 86_400.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_STRANGERS: Final = 128
"""Unknown names of keys that are remembered."""


class Keyring(Protocol):
    """Where the keys of one issuer are."""

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key where it is at hand."""

    async def seek(self, kid: str | None, algorithm: str) -> Key:
        """Return the key that is not at hand.

        Raises:
            Rejected: The issuer has no such key.
            CannotJudge: The issuer's keys are not known at all now.
        """


@dataclass(frozen=True, slots=True)
class Place:
    """Where an issuer publishes its keys.

    Attributes:
        issuer: Its identifier.
        jwks_uri: Where the keys are; None where the issuer has to be asked (discovery).
    """

    issuer: str
    jwks_uri: str | None

    @property
    def metadata(self) -> tuple[str, str]:
        """Where the issuer describes itself: OpenID Connect Discovery section 4, RFC 8414 section 3."""
        origin, path = place_of(self.issuer)
        path = path.rstrip("/")
        plain = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        return plain, f"{origin}/.well-known/oauth-authorization-server{path}"


class Knowledge(NamedTuple):
    """What is known of one issuer's keys, and since when."""

    place: Place
    algorithms: Sequence[str]
    keys: KeySet | None
    uri: str | None
    fetched: float
    forced: float
    due: float


class PublishedKeys:
    """The keys of one issuer, by JWKS.

    Args:
        place: Where they are.
        algorithms: What they may be for, the preferred first.
        policy: How long they are kept, how often they are asked for.
        web: Fetches.
        clock: For all of that.
        rng: Spreads what is repeated.
        notify: Hears of what was fetched, and what was not.
    """

    def __init__(
        self,
        place: Place,
        algorithms: Sequence[str],
        policy: Keys,
        *,
        web: Web,
        clock: Clock,
        rng: Random,
        notify: Notify,
    ) -> None:
        self._place = place
        self._algorithms = algorithms
        self._soft = policy.soft_ttl.total_seconds()
        self._hard = policy.hard_ttl.total_seconds()
        self._cooldown = policy.cooldown.total_seconds()
        self._timeout = policy.timeout.total_seconds()
        self._web, self._clock, self._rng, self._notify = web, clock, rng, notify
        self._keys: KeySet | None = None
        self._fetched = self._forced = float("-inf")
        self._uri = place.jwks_uri
        self._due = clock.now()
        self._failures = 0
        self._hurry = asyncio.Event()
        self._flight: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._strangers: OrderedDict[tuple[str | None, str], float] = OrderedDict()

    @property
    def known(self) -> bool:
        """Whether there are keys that can be trusted."""
        return self._keys is not None and self.age() < self._hard

    @property
    def failing(self) -> bool:
        """Whether the last fetch brought nothing."""
        return self._failures > 0

    def age(self) -> float:
        """Return the seconds since the keys were fetched, infinite where they never were."""
        return self._clock.now() - self._fetched

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key where it is at hand."""
        if self._keys is None or self.age() >= self._hard:
            return None
        return self._keys.find(kid, algorithm)

    async def seek(self, kid: str | None, algorithm: str) -> Key:
        """Return the key that is not at hand, fetching the keys anew at most once in a cooldown (JK-3).

        Raises:
            Rejected: The issuer has no such key.
            CannotJudge: The issuer cannot be asked, so that nobody knows: 401 would log people out.
        """
        name = (kid, algorithm)
        if self._flight is None and self._is_stranger(name):
            raise self._unknown(kid)
        if self._flight is not None:
            await self._join()
        found = self.find(kid, algorithm)
        if found is None and self._may_fetch():
            if self.known:
                self._forced = self._clock.now()
                self._notify(KeyUnknown(self._place.issuer, kid or ""))
            await self._join()
            found = self.find(kid, algorithm)
        if found is not None:
            return found
        if not self.known or self.failing:  # without the newest keys, who knows whose token it is
            wait = max(1.0, self._due - self._clock.now())
            raise CannotJudge(f"the keys of issuer {self._place.issuer} cannot be had", retry_after=wait)
        self._remember_stranger(name)
        raise self._unknown(kid)

    def _may_fetch(self) -> bool:
        now = self._clock.now()
        return now >= self._forced + self._cooldown if self.known else now >= self._due

    def _unknown(self, kid: str | None) -> Rejected:
        said = "which key was used is not said, and there is not exactly one" if kid is None else f"key {kid!r}"
        return Rejected("unknown key", said, issuer=self._place.issuer)

    def _is_stranger(self, name: tuple[str | None, str]) -> bool:
        until = self._strangers.get(name)
        return until is not None and self._clock.now() < until

    def _remember_stranger(self, name: tuple[str | None, str]) -> None:
        until = min(self._forced, self._clock.now()) + self._cooldown
        self._strangers[name] = until
        while len(self._strangers) > _STRANGERS:
            self._strangers.popitem(last=False)

    def known_so_far(self) -> "Knowledge":
        """Return what is known now, for whoever takes this one's place."""
        return Knowledge(
            self._place, self._algorithms, self._keys, self._uri, self._fetched, self._forced, self._due
        )

    def inherit(self, before: "Knowledge") -> None:
        """Know what was known *before*, if it is about the same keys, so that nobody waits for a fetch."""
        if (before.place, before.algorithms) != (self._place, self._algorithms) or before.keys is None:
            return
        self._keys, self._uri = before.keys, before.uri
        self._fetched, self._forced = before.fetched, before.forced
        self._due = min(before.due, self._fetched + self._hard / 2)

    def start(self) -> None:
        """Begin to keep the keys fresh; needs a running event loop."""
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._keep_fresh(), name=f"keys of {self._place.issuer}")

    async def close(self) -> None:
        """Stop."""
        tasks = [task for task in (self._refreshing, self._flight) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._refreshing = self._flight = None

    async def warm(self) -> None:
        """Return when the first fetch is over, however it ended."""
        if self._keys is None:
            await self._join()

    async def _keep_fresh(self) -> None:
        while True:
            self._hurry.clear()
            wait = self._due - self._clock.now()
            if wait > 0:
                await sleep_unless(self._hurry, wait, self._clock)
            else:
                await self._join()

    async def _join(self) -> None:
        """Wait for the fetch that is under way, or for one that begins now; it never fails."""
        if self._flight is None:
            self._flight = asyncio.create_task(self._fetch(), name=f"fetch of {self._place.issuer}")
            self._flight.add_done_callback(self._landed)
        await asyncio.shield(self._flight)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        if self._flight is flight:
            self._flight = None

    async def _fetch(self) -> None:
        try:
            uri = self._uri or await self._discover()
            document = await self._web.get(uri, self._timeout)
            keys = key_set_of(document.content, self._algorithms)
        except (FetchFailed, BadKey) as error:
            self._failed(str(error))
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the keys in use stay and the next try comes
            self._failed(repr(error))
            return
        self._uri = uri
        before = {(key.kid, key.thumbprint) for key in self._keys.members()} if self._keys else set()
        self._keys = keys.after(self._keys)
        after = {(key.kid, key.thumbprint) for key in self._keys.members()}
        self._failures = 0
        self._fetched = self._clock.now()
        life = self._soft if document.max_age is None else document.max_age
        self._due = self._fetched + min(LONGEST_LIFE, self._hard / 2, max(SHORTEST_LIFE, life))
        self._strangers.clear()
        self._notify(KeysFetched(self._place.issuer, len(self._keys), len(after - before), len(before - after)))

    def _failed(self, detail: str) -> None:
        ceiling = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))
        pause = ceiling * self._rng.uniform(0.5, 1.0)
        self._failures += 1
        self._due = self._clock.now() + pause
        self._hurry.set()
        self._uri = self._place.jwks_uri  # an issuer that moved its keys is asked where they are now
        age = self.age() if self._keys is not None else None
        self._notify(KeysFailed(self._place.issuer, detail, pause, age))

    async def _discover(self) -> str:
        """Return where the issuer says that its keys are (JK-5).

        Raises:
            FetchFailed: It does not say, or somebody else answered.
        """
        first, second = self._place.metadata
        try:
            document = await self._web.get(first, self._timeout)
        except FetchFailed as error:
            if error.status != 404:  # noqa: PLR2004 - not an OpenID provider, but perhaps an OAuth server
                raise
            document = await self._web.get(second, self._timeout)
        said = document.content.get("issuer")
        if said != self._place.issuer:
            raise FetchFailed(f"discovery of {self._place.issuer} answered for another issuer")
        uri = document.content.get("jwks_uri")
        if not isinstance(uri, str):
            raise FetchFailed(f"discovery of {self._place.issuer} names no jwks_uri")
        place_of(uri)
        return uri
