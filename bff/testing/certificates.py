"""Certificates for TLS tests: right ones, and wrong in each way that a client must notice.

Needs the package `cryptography`, which is imported on first use.
"""

import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The names of this machine."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, both as PEM."""

    certificate: bytes
    key: bytes

    def server_context(self, clients: "Authority | None" = None) -> ssl.SSLContext:
        """Return what a server needs to show this certificate; for `FakeUpstream(tls=...)`.

        With *clients*, only those get in that show a certificate of that authority.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients.pem.decode())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "server.pem"
            path.touch(mode=0o600)
            path.write_bytes(self.key + self.certificate)
            context.load_cert_chain(path)
        return context


class Authority:
    """A certificate authority of one's own; making one takes a few milliseconds."""

    def __init__(self, name: str = "bff test authority") -> None:
        """Make an authority called *name*, valid for a day."""
        self._key = _new_key()
        self._certificate = _sign(name, (), self._key, issuer=None, valid=_around_now(_DAY))
        self.pem = _pem(self._certificate)
        """What clients trust."""

    def write(self, path: Path) -> Path:
        """Write the authority's certificate to *path* and return that; for settings that take a `ca_file`."""
        path.write_bytes(self.pem)
        return path

    def client_context(self) -> ssl.SSLContext:
        """Return what a client needs to trust this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem.decode())
        return context

    def valid(self, *names: str) -> Certificate:
        """Return a certificate for *names*, hosts or addresses; for this machine if none are given."""
        return self._issue(names or LOOPBACK, _around_now(_DAY / 2))

    def expired(self) -> Certificate:
        """Return one for this machine that ended an hour ago."""
        now = datetime.now(UTC)
        return self._issue(LOOPBACK, (now - _DAY / 2, now - _DAY / 24))

    def wrong_name(self) -> Certificate:
        """Return one that is valid, but for another host."""
        return self.valid("elsewhere.example")

    def _issue(self, names: tuple[str, ...], valid: tuple[datetime, datetime]) -> Certificate:
        key = _new_key()
        issuer = (self._certificate, self._key)
        return _joined(_sign(names[0], names, key, issuer=issuer, valid=valid), key)


def self_signed() -> Certificate:
    """Return a certificate for this machine that nobody vouches for but itself."""
    key = _new_key()
    return _joined(_sign("localhost", LOOPBACK, key, issuer=None, valid=_around_now(_DAY / 2)), key)


def _around_now(distance: timedelta) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - distance, now + distance


def _new_key() -> "EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see the module's docstring

    return ec.generate_private_key(ec.SECP256R1())


def _sign(
    name: str,
    names: tuple[str, ...],
    key: "EllipticCurvePrivateKey",
    *,
    issuer: "tuple[x509.Certificate, EllipticCurvePrivateKey] | None",
    valid: tuple[datetime, datetime],
) -> "x509.Certificate":
    """Return a certificate for *names*, or for an authority where there are none (RFC 5280)."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_name, signer = (subject, key) if issuer is None else (issuer[0].subject, issuer[1])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_usage(authority=not names), critical=True)
    )
    if names:
        known = x509.SubjectAlternativeName([_general_name(each) for each in names])
        builder = builder.add_extension(known, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _usage(*, authority: bool) -> "x509.KeyUsage":
    from cryptography import x509  # noqa: PLC0415

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> Any:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    return certificate.public_bytes(Encoding.PEM)


def _joined(certificate: "x509.Certificate", key: "EllipticCurvePrivateKey") -> Certificate:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return Certificate(_pem(certificate), private)
