"""The key of an issuer that signs with a secret which we know too (AU-3)."""

from collections.abc import Callable, Sequence

from bff.auth.keys import BadKey, Key
from bff.auth.verdicts import Rejected


class SharedSecret:
    """The secret of an issuer that signs with HS256 and its like; it has no name.

    Args:
        value: Returns the secret as it is now.
        algorithms: What it may be used for.

    Raises:
        BadKey: It is too short, or a public key.
    """

    def __init__(self, value: Callable[[], bytes], algorithms: Sequence[str]) -> None:
        self._value = value
        self._algorithms = algorithms
        self._current = value()
        self._keys = {name: Key(None, name, self._current) for name in algorithms}

    def find(self, kid: str | None, algorithm: str) -> Key | None:  # noqa: ARG002 - a Keyring is asked by name
        """Return the key for *algorithm*."""
        if self._value() != self._current:
            self._renew(self._value())
        return self._keys.get(algorithm)

    def _renew(self, secret: bytes) -> None:
        try:
            keys = {name: Key(None, name, secret) for name in self._algorithms}
        except BadKey:
            return
        for old in self._keys.values():
            old.alive = False
        self._current, self._keys = secret, keys

    async def seek(self, kid: str | None, algorithm: str) -> Key:
        """Return the key.

        Raises:
            Rejected: There is none for *algorithm*.
        """
        found = self.find(kid, algorithm)
        if found is None:
            raise Rejected("algorithm", "no secret for it")
        return found
