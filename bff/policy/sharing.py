"""Who may share one execution of equal queries that are under way at the same time."""

from typing import Literal

from pydantic import Field

from bff.policy.base import Policy
from bff.policy.names import OperationName

SharingScope = Literal["principal", "public", "off"]
"""Callers with equal credentials; everybody, where the execution looks at no credentials; nobody."""


class Sharing(Policy):
    """Executes equal queries that are under way at the same time once, for all who ask; mutations never.

    As when a push notification makes ten thousand phones open the same screen. Callers share who are equal in all
    that the execution looks at: document, variables, credentials, and each header that was read.
    """

    scope: SharingScope = "principal"
    """Who may share an execution: `principal` callers with equal credentials, `public` everybody as far as nothing
    looks at credentials, `off` nobody."""

    answers: int = Field(default=200, ge=0, le=100_000)
    """How many whole answers are kept while every part of them is fresh, for callers that may share; 0 for none.
    Only those that depend on nobody: no part is private, and nothing looked at who asks."""

    operations: dict[OperationName, SharingScope] = Field(default_factory=dict)
    """The same for single operations, by their name."""
