"""An operator's experiment, and whom it is for."""

from dataclasses import dataclass
from typing import Final, Literal

from bff.context import Principal
from bff.experiments.faults import Fault

Audience = Literal["everyone", "client", "principal", "operation"]
SCOPES: Final = "everyone, client:NAME, principal:SUBJECT, operation:NAME"
"""What may be written, for messages."""

Ending = Literal["time", "stopped", "errors", "policy"]
"""Why it ended: its time was up, somebody stopped it, too many operations failed, policy forbids it now."""


class BadScope(ValueError):
    """A text that says no scope."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose operations an experiment is for.

    Attributes:
        audience: By what they are told apart.
        name: Which client, principal or operation; empty for everyone.
    """

    audience: Audience = "everyone"
    name: str = ""

    @property
    def everyone(self) -> bool:
        """Whether nobody is left out."""
        return self.audience == "everyone"

    def holds(self, principal: Principal, operation: str | None) -> bool:
        """Return whether it is for *operation* of *principal*."""
        if self.audience == "everyone":
            return True
        if self.audience == "operation":
            return operation == self.name
        return (principal.client if self.audience == "client" else principal.subject) == self.name

    def __str__(self) -> str:
        """Return the scope as one would write it."""
        return self.audience if self.everyone else f"{self.audience}:{self.name}"


def parse_scope(text: str) -> Scope:
    """Return the scope that *text* says.

    Raises:
        BadScope: None, with what may be written.
    """
    audience, _, name = text.strip().partition(":")
    if audience == "everyone" and not name:
        return Scope()
    for known in ("client", "principal", "operation"):
        if audience == known and name.strip():
            return Scope(known, name.strip())
    raise BadScope(f"{text!r} is no scope; scopes are {SCOPES}.")


@dataclass(eq=False, slots=True)
class Experiment:
    """A fault in a share of the calls to one upstream, until its time is up.

    For everyone, *share* is that of the requests that would be sent to the service, and the fault is done where
    the service would have done it: retries, breakers and host health see it. For a narrower scope it is the share
    of calls, each of which goes a way of its own, so that nobody else's call feels anything.

    Attributes:
        id: Names it.
        upstream: Name of the upstream.
        endpoint: The only endpoint that is hit; None for all of them.
        fault: What is done.
        share: From 0 to 1.
        scope: To whom.
        until: When it ends, in seconds of the wall clock.
        stop_above: The share of failed operations, among those that called the upstream, that ends it early.
        note: Why, in the operator's words.
        hits: Faults done so far by this process.
        operations: Operations that called the upstream meanwhile, in this process.
        failed: Those of them whose answer had errors.
    """

    id: str
    upstream: str
    endpoint: str | None
    fault: Fault
    share: float
    scope: Scope
    until: float
    stop_above: float | None = None
    note: str = ""
    hits: int = 0
    operations: int = 0
    failed: int = 0

    def hits_endpoint(self, upstream: str, endpoint: str) -> bool:
        """Return whether calls of *endpoint* may be hit."""
        return self.upstream == upstream and (self.endpoint is None or self.endpoint == endpoint)
