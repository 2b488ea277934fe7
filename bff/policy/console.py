"""Who may look at a running process, and who may act on it: `policies/console.yaml`."""

from typing import Annotated

from pydantic import Field

from bff.policy.base import Policy
from bff.policy.network import HostHeader

Scope = Annotated[str, Field(min_length=1, max_length=128)]


class ConsolePolicy(Policy):
    """Who may look at a running process, and who may act on it, on the admin port.

    Callers show what `policies/auth.yaml` accepts: an access token, an API key, or the session of a login. Without
    this file, programs and pages on this machine may look, programs on it may act, and nobody else may do either.
    Probes and `/metrics` are open in any case.
    """

    read: Annotated[frozenset[Scope], Field(max_length=20)] = frozenset({"bff:console"})
    """Whoever was granted one of these scopes sees the console and everything below `/admin/api`."""

    act: Annotated[frozenset[Scope], Field(max_length=20)] = frozenset({"bff:console:act"})
    """Whoever was granted one of these may also act, such as force a breaker or purge a tag. An empty list lets
    nobody act."""

    hosts: Annotated[tuple[HostHeader, ...], Field(max_length=100)] = ()
    """Names under which browsers reach the admin port, such as `console.example.com`, with the port where it is
    part of the address. Addresses and `localhost` are known anyway; any other `Host` is refused, so that no page
    elsewhere can make its own name mean this machine."""
