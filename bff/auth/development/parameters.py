"""Parameters of queries and forms, each at most once (RFC 6749 section 3.1)."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from bff.auth.development.model import Client
from bff.auth.development.refused import OAuthRefused
from bff.policy.names import is_loopback

MANY = frozenset({"audience", "resource"})
"""What may be said several times (RFC 8693 section 2.1, RFC 8707 section 2)."""

_MOST = 100


class Parameters(Mapping[str, str]):
    """Parsed parameters; an empty one counts as left out."""

    def __init__(self, text: str) -> None:
        """Parse *text*.

        Raises:
            OAuthRefused: A parameter is said twice, or there are too many.
        """
        try:
            pairs = [(name, value) for name, value in parse_qsl(text, max_num_fields=_MOST) if value]
        except ValueError as error:
            raise OAuthRefused("invalid_request", "too many parameters") from error
        self._values = dict(pairs)
        self._many = [value for name, value in pairs if name in MANY]
        names = [name for name, _ in pairs if name not in MANY]
        if len(set(names)) != len(names):
            raise OAuthRefused("invalid_request", "a parameter is said twice")

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def need(self, name: str) -> str:
        """Return the value of *name*.

        Raises:
            OAuthRefused: It is left out.
        """
        if name not in self._values:
            raise OAuthRefused("invalid_request", f"{name} is missing")
        return self._values[name]

    @property
    def targets(self) -> tuple[str, ...]:
        """What `audience` and `resource` name."""
        return tuple(dict.fromkeys(self._many))

    @property
    def scope(self) -> frozenset[str]:
        """What `scope` asks for."""
        return frozenset(self.get("scope", "").split())


def is_registered(uri: str, registered: tuple[str, ...]) -> bool:
    """Return whether *uri* is one of *registered*: exactly, but for the port of a loopback address (RFC 8252)."""
    return any(uri == known or _portless(uri) == _portless(known) is not None for known in registered)


def _portless(uri: str) -> tuple[str, str, str] | None:
    try:
        url = urlsplit(uri)
        _ = url.port
    except ValueError:
        return None
    if url.scheme != "http" or not is_loopback(url.hostname or "") or url.username is not None or url.fragment:
        return None
    return url.hostname or "", url.path, url.query


def back_channel_of(client: Client, redirect_uri: str) -> str | None:
    """Return where *client* hears of logouts: on a loopback address, at the port of *redirect_uri*."""
    uri = client.backchannel_logout_uri
    if uri is None or _portless(uri) is None or _portless(redirect_uri) is None:
        return uri
    used = urlsplit(redirect_uri)
    return urlsplit(uri)._replace(scheme=used.scheme, netloc=used.netloc).geturl()
