"""Encrypts what is one user's before it leaves the process (CA-20)."""

import os
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12


class SecretBytes(Protocol):
    """Where the secret is; it may change while the process runs."""

    def value(self) -> bytes:
        """Return the secret as it is now."""


class Broken(ValueError):
    """Not sealed with this secret, or not for this key of the store, or changed since."""


class Seal:
    """AES-256-GCM with the SHA-256 of a secret as its key; an entry opens only under the name it was sealed for.

    After a change of the secret what was sealed before is absent.
    """

    def __init__(self, secret: SecretBytes) -> None:
        self._secret = secret
        self._value = secret.value()
        self._cipher = AESGCM(sha256(self._value).digest())

    def close(self, data: bytes, key: str) -> bytes:
        """Return *data* sealed for *key*."""
        nonce = os.urandom(_NONCE)
        return nonce + self._current().encrypt(nonce, data, key.encode())

    def open(self, data: bytes, key: str) -> bytes:
        """Return what was sealed for *key*.

        Raises:
            Broken: It was not.
        """
        try:
            return self._current().decrypt(data[:_NONCE], data[_NONCE:], key.encode())
        except (InvalidTag, ValueError) as error:
            raise Broken("not sealed for this") from error

    def _current(self) -> AESGCM:
        value = self._secret.value()
        if value != self._value:
            self._value, self._cipher = value, AESGCM(sha256(value).digest())
        return self._cipher
