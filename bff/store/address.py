"""Where Redis is: one URL for a single server, Sentinel, or a cluster.

- `redis://[user:password@]host:port/db`, `rediss://` with TLS;
- `redis+sentinel://[user:password@]host:port,host:port/service[/db]`;
- `redis+cluster://[user:password@]host:port,host:port`; `rediss+...` for both with TLS.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

Kind = Literal["single", "sentinel", "cluster"]
_KINDS: dict[str, Kind] = {"": "single", "sentinel": "sentinel", "cluster": "cluster"}
_PORTS = {"single": 6379, "sentinel": 26379, "cluster": 6379}


class AddressError(ValueError):
    """The URL names no Redis; the message says what to write, and holds no password."""


@dataclass(frozen=True, slots=True)
class Address:
    """A Redis and how to log in; `repr` shows no password."""

    kind: Kind
    nodes: tuple[tuple[str, int], ...]
    tls: bool = False
    db: int = 0
    service: str = ""
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Return it without credentials."""
        places = ",".join(f"{host}:{port}" for host, port in self.nodes)
        return f"<Redis {self.kind} {places}{'/' + self.service if self.service else ''}>"

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Return what *url* says.

        Raises:
            AddressError: It is not one of the forms above.
        """
        scheme, _, rest = url.partition("://")
        base, _, kind_name = scheme.partition("+")
        kind = _KINDS.get(kind_name)
        if base not in {"redis", "rediss"} or kind is None or not rest:
            raise AddressError(
                "write redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE or "
                "redis+cluster://HOST:PORT,HOST:PORT; rediss:// for TLS"
            )
        place, _, path = rest.partition("?")[0].partition("/")
        login, _, hosts = place.rpartition("@")
        user, _, password = login.partition(":")
        nodes = tuple(_node(one, _PORTS[kind]) for one in hosts.split(",") if one)
        if not nodes:
            raise AddressError("no host: write redis://HOST:PORT")
        service, _, db = path.partition("/") if kind == "sentinel" else ("", "", path)
        if kind == "sentinel" and not service:
            raise AddressError("which service: write redis+sentinel://HOST:PORT/SERVICE")
        if db and not db.isdigit():
            raise AddressError(f"database {db!r} is not a number")
        return cls(
            kind, nodes, base == "rediss", int(db or 0), service, unquote(user) or None, unquote(password) or None
        )


def _node(text: str, port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        found = parts.hostname or "localhost", parts.port or port
    except ValueError as error:
        raise AddressError(f"{text!r} is not HOST:PORT: {error}") from error
    return found
