"""Whether an app is new enough, and what it is told when it grows old."""

from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from bff.codes import Code
from bff.policy.clients import Deprecation, Versions
from bff.server.refusal import HeaderList, Refusal

RECOMMENDED: Final = b"x-client-recommended-version"
_LONGEST = 64


@lru_cache(maxsize=1024)
def parsed(text: str) -> Version | None:
    """Return the version that *text* begins with, None where it is none. `4.2.0 (1234)` is 4.2.0."""
    words = text.split(maxsplit=1)
    try:
        return Version(words[0]) if words and len(words[0]) <= _LONGEST else None
    except InvalidVersion:
        return None


class VersionRules:
    """What one client's versions mean; header fields and texts are made once.

    Args:
        policy: Which versions are served.
    """

    def __init__(self, policy: Versions) -> None:
        self._policy = policy
        self._minimum = _version(policy.minimum)
        self._recommended = _version(policy.recommended)
        self._below = _version(policy.deprecated.below)
        self._store: dict[str, Any] = {"storeUrl": policy.store_url} if policy.store_url else {}
        self._deprecation = _deprecation(policy.deprecated)
        self._hint: HeaderList = ((RECOMMENDED, (policy.recommended or "").encode()),)
        self._told = {"recommendedVersion": policy.recommended, **self._store}
        self.any = bool(self._minimum or self._recommended or self._deprecation)
        """Whether any version is treated differently from the newest."""

    def judge(self, text: str | None) -> tuple[HeaderList, dict[str, Any]]:
        """Return header fields and the members of `extensions.client` for a client of version *text*.

        Raises:
            Refusal: It is too old, or has no version that can be read and policy wants one.
        """
        version = parsed(text) if text else None
        if self._minimum is not None:
            self._admit(version)
        fields: HeaderList = ()
        told: dict[str, Any] = {}
        if self._deprecation and (self._below is None or (version is not None and version < self._below)):
            fields = self._deprecation
        if self._recommended is not None and version is not None and version < self._recommended:
            fields, told = (*fields, *self._hint), self._told
        return fields, told

    def _admit(self, version: Version | None) -> None:
        assert self._minimum is not None
        if version is None:
            if self._policy.unknown == "allow":
                return
        elif version >= self._minimum:
            return
        raise Refusal(
            Code.CLIENT_UPGRADE_REQUIRED,
            f"This version of the app is no longer served; version {self._policy.minimum} or newer is.",
            extensions={"minimumVersion": self._policy.minimum, **self._store},
            detail=f"version {version or 'unknown'}",
        )


def _version(text: str | None) -> Version | None:
    return Version(text) if text else None


def _deprecation(policy: Deprecation) -> HeaderList:
    """Return `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and the link that explains them."""
    if policy.since is None:
        return ()
    fields = [(b"deprecation", f"@{int(_midnight(policy.since).timestamp())}".encode())]
    if policy.sunset is not None:
        fields.append((b"sunset", format_datetime(_midnight(policy.sunset), usegmt=True).encode()))
    if policy.link is not None:
        fields.append((b"link", f'<{policy.link}>; rel="deprecation"; type="text/html"'.encode()))
    return tuple(fields)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
