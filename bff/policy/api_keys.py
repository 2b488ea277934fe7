"""What the file of API keys may hold (AK-1)."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from bff.policy.base import Policy

KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{8,32}$")]
"""The part of a key that is no secret."""

ClientName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""Name of a program."""

Scope = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,128}$")]
"""Something that is granted (RFC 6749 section 3.3)."""


class ApiKey(Policy):
    """One key; its secret is nowhere."""

    client: ClientName
    """Which program has it; two keys of one program make a change without a gap."""

    hash: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    """Of the secret."""

    scopes: tuple[Scope, ...] = ()
    """What it grants."""

    tenant: ClientName | None = None
    """Whose data the program works on."""

    created: AwareDatetime
    """When it was made."""

    expires: AwareDatetime | None = None
    """When it ends by itself."""


class ApiKeyFile(Policy):
    """All keys."""

    keys: dict[KeyId, ApiKey] = Field(default_factory=dict)
    """By the part of the key that is no secret."""
