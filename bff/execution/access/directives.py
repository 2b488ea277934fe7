"""Schema directives that say who may see or do what; they stand in the SDL, and the engine enforces them.

Any of them goes on a field, an object type or an interface: `directives=[authenticated()]`. Several on one place
all have to be met. What stands on a type holds for every field that returns it, what stands on an interface for
all that implement it.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import strawberry
from strawberry.schema_directive import Location

from bff.execution.access import requirements
from bff.execution.access.requirements import Requirement

D = TypeVar("D", bound="AccessDirective")

LOCATIONS = [Location.FIELD_DEFINITION, Location.OBJECT, Location.INTERFACE]


class Place(NamedTuple):
    """Where in the application's code a directive stands."""

    file: str
    line: int


class AccessDirective:
    """What the directives of this module share."""

    place: Place

    @property
    def requirement(self) -> Requirement:
        """What it asks of the caller."""
        raise NotImplementedError


@strawberry.schema_directive(
    locations=LOCATIONS, name="authenticated", description="For callers who have logged in."
)
class Authenticated(AccessDirective):
    """`@authenticated`."""

    @property
    def requirement(self) -> Requirement:
        """What it asks of the caller."""
        return requirements.Authenticated()


@strawberry.schema_directive(
    locations=LOCATIONS,
    name="requiresScopes",
    description="For callers who were granted all scopes of at least one of the lists.",
)
class RequiresScopes(AccessDirective):
    """`@requiresScopes(scopes: [["orders:write"], ["admin"]])`."""

    scopes: list[list[str]]

    @property
    def requirement(self) -> Requirement:
        """What it asks of the caller."""
        return requirements.Scopes(frozenset(frozenset(needed) for needed in self.scopes))


@strawberry.schema_directive(
    locations=LOCATIONS, name="policy", description="For callers to whom the policy of this name says yes."
)
class NamedPolicy(AccessDirective):
    """`@policy(name: "own_kitchen")`."""

    name: str

    @property
    def requirement(self) -> Requirement:
        """What it asks of the caller."""
        return requirements.Policy(self.name)


@strawberry.schema_directive(
    locations=LOCATIONS,
    name="requiresAuth",
    description="For callers who have logged in as strongly as one of `acr`, within the last `maxAge` seconds.",
)
class RequiresAuth(AccessDirective):
    """`@requiresAuth(acr: ["urn:example:mfa"], maxAge: 300)`."""

    acr: list[str] | None = strawberry.UNSET
    max_age: int | None = strawberry.UNSET

    @property
    def requirement(self) -> Requirement:
        """What it asks of the caller."""
        return requirements.StepUp(
            tuple(self.acr or ()), None if self.max_age is strawberry.UNSET else self.max_age
        )


def authenticated() -> Authenticated:
    """Require that the caller is known; others read UNAUTHENTICATED."""
    return _placed(Authenticated())


def requires_scopes(scopes: Sequence[Sequence[str]]) -> RequiresScopes:
    """Require all scopes of at least one of the lists in *scopes*; others read FORBIDDEN.

    Raises:
        ValueError: Nothing would be required, or nobody could ever meet it.
    """
    if isinstance(scopes, str) or any(isinstance(needed, str) for needed in scopes):
        raise ValueError(f"requires_scopes takes a list of lists, such as [['orders:write']], not {scopes!r}")
    if not scopes or not all(scopes):
        raise ValueError("requires_scopes with an empty list would require nothing: write authenticated()")
    return _placed(RequiresScopes(scopes=[list(needed) for needed in scopes]))


def requires_policy(name: str) -> NamedPolicy:
    """Require that the access policy *name* of the schema says yes; others read FORBIDDEN.

    `with_policies` gives a schema its policies. Where that one fails, or there is none of this name, the field is
    null with AUTH_UNAVAILABLE.
    """
    return _placed(NamedPolicy(name=name))


def requires_auth(*, acr: Sequence[str] = (), max_age: int | None = None) -> RequiresAuth:
    """Require a login that is strong or recent enough; others read STEP_UP_REQUIRED (RFC 9470, SU-1).

    Args:
        acr: Values of the token's `acr` that are good, the best first; empty for any.
        max_age: Longest time since the login (`auth_time` of the token), in seconds; None for any.

    Raises:
        ValueError: Nothing would be required, or a login in the future.
    """
    if isinstance(acr, str):
        raise ValueError(f"requires_auth takes a list of acr values, not {acr!r}")  # noqa: TRY004 - as for its values
    if not acr and max_age is None:
        raise ValueError("requires_auth without acr and max_age would require nothing: write authenticated()")
    if max_age is not None and max_age < 0:
        raise ValueError(f"max_age is a time in the past, in seconds, not {max_age}")
    age = strawberry.UNSET if max_age is None else max_age
    return _placed(RequiresAuth(acr=list(acr) or strawberry.UNSET, max_age=age))


def _placed(directive: D) -> D:
    frame = sys._getframe(2)  # noqa: SLF001 - where the application's line stands
    directive.place = Place(frame.f_code.co_filename, frame.f_lineno)
    return directive
