"""Our certificate for services that ask for one, read again when its files change."""

import ssl
from pathlib import Path

_State = tuple[tuple[int, int, int], ...]


class ClientCertificate:
    """A certificate and its private key, in PEM files.

    Args:
        certificate: File with the certificate and those between it and an authority.
        key: File with the private key, without a password.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._files = (certificate, key)
        self._shown: _State | None = None

    def show_in(self, context: ssl.SSLContext) -> None:
        """Let new connections made with *context* use the certificate as it is now.

        While the files do not fit together, as amid their replacement, the last ones that did are used.

        Raises:
            OSError: They cannot be used, and never could.
        """
        try:
            state = tuple(_state_of(file) for file in self._files)
            if state == self._shown:
                return
            # A failed load leaves a context with half of a pair, so another one tries it first.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(*self._files)
            context.load_cert_chain(*self._files)
        except OSError:
            if self._shown is None:
                raise
        else:
            self._shown = state


def _state_of(file: str) -> tuple[int, int, int]:
    status = Path(file).stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
