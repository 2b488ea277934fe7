"""Access policies: functions of the application that say who may, found by name."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import GraphQLSchema

from bff.context import Context, OperationKind, Principal
from bff.upstream.endpoint import Endpoint

KEY = "bff.execution.access"
"""Under which a schema's extensions hold its access policies."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an access policy is asked about, besides the caller.

    Attributes:
        fields: What waits for the answer, such as `Order.kitchenNotes`; a type alone where it is about all of it.
        operation: The operation's name in its document.
        kind: query, mutation or subscription.
        context: For calls to the endpoints that the policy declares; it knows the request's headers, too.
    """

    fields: tuple[str, ...]
    operation: str | None
    kind: OperationKind
    context: Context


Decide = Callable[[Principal, Asked], Awaitable[bool]]
"""Says whether the caller may."""


class AccessPolicy:
    """A function that says who may, with the endpoints that it may call for that."""

    def __init__(self, decide: Decide, name: str, calls: Iterable[Endpoint[Any]]) -> None:
        self.decide = decide
        self.name = name
        self.calls = frozenset(calls)

    def __call__(self, principal: Principal, asked: Asked) -> Awaitable[bool]:
        """Ask the function itself, as tests do."""
        return self.decide(principal, asked)


class TwoPolicies(ValueError):
    """Two access policies of one schema have the same name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"two access policies are named {name!r}: give one of them another name")


def access_policy(
    name: str | None = None, *, calls: Iterable[Endpoint[Any]] = ()
) -> Callable[[Decide], AccessPolicy]:
    """Make an access policy: `async def own_kitchen(principal: Principal, asked: Asked) -> bool`.

    It is asked once for each operation that has a field with `requires_policy(NAME)`, before any resolver runs;
    whoever is not logged in is asked about, too. One that raises, or does not answer within the operation's
    deadline, leaves its fields null with AUTH_UNAVAILABLE.

    Args:
        name: What `requires_policy` calls it; the function's name when absent.
        calls: The endpoints that it calls.
    """
    return lambda decide: AccessPolicy(decide, name or str(getattr(decide, "__name__", "unnamed")), calls)


def with_policies(schema: strawberry.Schema, *policies: AccessPolicy) -> strawberry.Schema:
    """Return *schema*, whose fields may require *policies* by their names.

    Raises:
        TwoPolicies: Two have the same name.
    """
    found = dict(policies_of(schema._schema))  # noqa: SLF001 - Strawberry has no public way to it
    for one in policies:
        if one.name in found:
            raise TwoPolicies(one.name)
        found[one.name] = one
    schema._schema.extensions[KEY] = found  # noqa: SLF001 - as above
    return schema


def policies_of(schema: GraphQLSchema) -> Mapping[str, AccessPolicy]:
    """Return the access policies of *schema*, by their names."""
    found = schema.extensions.get(KEY)
    return found if isinstance(found, dict) else {}
