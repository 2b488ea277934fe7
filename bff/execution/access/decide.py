"""Decides about the requirements that an operation meets, once and before anything is called."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from graphql import GraphQLError, GraphQLSchema

from bff.codes import Code
from bff.context import Context, Operation
from bff.errors import cause_of
from bff.execution.access.demands import Coordinate, Demands, Survey
from bff.execution.access.policies import AccessPolicy, Asked, policies_of
from bff.execution.access.requirements import (
    FieldDenied,
    Policy,
    Requirement,
    forbidden,
    is_anonymous,
    unauthenticated,
    unavailable,
)
from bff.execution.documents import Document

Denials = dict[Coordinate, FieldDenied]
"""What the caller may not see or do, and why; empty for whoever may do all of it."""

Wait = Callable[[Awaitable[bool]], Awaitable[bool]]
"""Waits for an access policy no longer than the operation lives."""

NOTHING_DENIED: Denials = {}
_NO_DEMANDS = Survey({})


class Access:
    """Says what the callers of operations on *schema* may not see or do.

    Args:
        schema: Its access directives count.
        wall: Seconds since the Unix epoch.
        kept: For how many operations it is remembered which requirements they meet.
    """

    def __init__(self, schema: GraphQLSchema, *, wall: Callable[[], float], kept: int) -> None:
        self._demands = Demands(schema)
        self._policies = policies_of(schema)
        self._wall = wall
        self._kept = kept
        self._surveys: OrderedDict[tuple[str, str | None], Survey] = OrderedDict()

    def survey(self, document: Document, name: str | None) -> Survey:
        """Return what the operation *name* of *document* meets of the schema's requirements."""
        if not self._demands:
            return _NO_DEMANDS
        key = (document.hash, name)
        found = self._surveys.get(key)
        if found is None:
            found = self._surveys[key] = self._demands.met_by(document.node, document.operation(name))
            if len(self._surveys) > self._kept:
                self._surveys.popitem(last=False)
        else:
            self._surveys.move_to_end(key)
        return found

    def denials(self, survey: Survey, operation: Operation) -> Denials:
        """Return what the caller of *operation* is denied by what is known of them."""
        return _denials(survey, self._verdicts(survey, operation))

    async def asked(self, survey: Survey, operation: Operation, wait: Wait) -> Denials:
        """Return what the caller of *operation* is denied by that and by access policies, all asked at once."""
        policies = survey.policies
        answers = await asyncio.gather(*(self._ask(one, survey, operation, wait) for one in policies))
        refused: dict[Requirement, FieldDenied] = {
            one: denied for one, denied in zip(policies, answers, strict=True) if denied is not None
        }
        return _denials(survey, {**self._verdicts(survey, operation), **refused})

    def _verdicts(self, survey: Survey, operation: Operation) -> dict[Requirement, FieldDenied]:
        principal, wall = operation.principal, self._wall
        verdicts: dict[Requirement, FieldDenied] = {}
        for one in survey.facts:
            denied = one.denial(principal, wall)
            if denied is not None:
                verdicts[one] = denied
        return verdicts

    async def _ask(self, wanted: Policy, survey: Survey, operation: Operation, wait: Wait) -> FieldDenied | None:
        policy = self._policies.get(wanted.name)
        if policy is None:
            return unavailable(f"there is no access policy {wanted.name!r}: give it to with_policies")
        try:
            allowed: object = await wait(policy(operation.principal, _asked(policy, wanted, survey, operation)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the field stays closed
            failed = unavailable(f"access policy {wanted.name!r} failed: {type(error).__name__}: {error}")
            failed.__cause__ = error
            return failed
        if allowed is True:
            return None
        if allowed is not False:
            return unavailable(f"access policy {wanted.name!r} answered {type(allowed).__name__}, not bool")
        detail = f"access policy {wanted.name!r} says no"
        return unauthenticated(detail) if is_anonymous(operation.principal) else forbidden(detail)


def _asked(policy: AccessPolicy, wanted: Policy, survey: Survey, operation: Operation) -> Asked:
    context = Context(operation, policy.calls, f"access policy {policy.name}")
    return Asked(survey.waiting_for(wanted), operation.name, operation.kind, context)


def _denials(survey: Survey, verdicts: Mapping[Requirement, FieldDenied]) -> Denials:
    if not verdicts:
        return NOTHING_DENIED
    return {
        coordinate: verdicts[failed]
        for coordinate, required in survey.found.items()
        if (failed := next((one for one in required if one in verdicts), None)) is not None
    }


def barred_by(data: Mapping[str, Any] | None, errors: Iterable[GraphQLError]) -> Code | None:
    """Return why nothing at all resolved, where the transport has to say so, too.

    AUTH_UNAVAILABLE when that could not be found out for a field, else STEP_UP_REQUIRED when somebody has to log
    in again; None where anything resolved, or for any other reason.
    """
    if data is not None and any(value is not None for value in data.values()):
        return None
    codes = {cause.code for error in errors if isinstance(cause := cause_of(error), FieldDenied)}
    return next((code for code in (Code.AUTH_UNAVAILABLE, Code.STEP_UP_REQUIRED) if code in codes), None)
