"""Encrypts what lies in the store (SE-1): AES-256-GCM, bound to the key it lies under."""

import hashlib
import os
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHORTEST = 32
"""Characters that a secret needs."""

_NONCE = 12
_NAME = 4
_MOST_CIPHERS = 64


class Sealer:
    """Seals with the first secret, and opens what any of them sealed.

    Args:
        secrets: Return each secret as it is now; a replaced file is used from the next call on.
        random: Makes random bytes.
    """

    def __init__(
        self, secrets: Sequence[Callable[[], bytes]], random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._secrets = tuple(secrets)
        self._random = random
        self._ciphers: dict[bytes, tuple[bytes, AESGCM]] = {}

    def seal(self, plain: bytes, place: str) -> bytes:
        """Return *plain* encrypted for *place*, beginning with the name of the key."""
        name, cipher = self._cipher(self._secrets[0]())
        nonce = self._random(_NONCE)
        return name + nonce + cipher.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes | None:
        """Return what was sealed for *place*, None where it was not, or by a key that nobody has any more."""
        name, nonce, text = sealed[:_NAME], sealed[_NAME : _NAME + _NONCE], sealed[_NAME + _NONCE :]
        for secret in self._secrets:
            known, cipher = self._cipher(secret())
            if known == name:
                try:
                    return cipher.decrypt(nonce, text, place.encode())
                except (InvalidTag, ValueError):
                    return None
        return None

    def _cipher(self, secret: bytes) -> tuple[bytes, AESGCM]:
        found = self._ciphers.get(secret)
        if found is None:
            key = HKDF(SHA256(), 32, salt=None, info=b"bff session 1").derive(secret)
            if len(self._ciphers) >= _MOST_CIPHERS:
                self._ciphers.clear()
            found = self._ciphers[secret] = (hashlib.sha256(key).digest()[:_NAME], AESGCM(key))
        return found
