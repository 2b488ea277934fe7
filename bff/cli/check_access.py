"""Who may see what: what is open to everybody, policies that do not exist, credentials that travel on unseen."""

import difflib
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, get_named_type

from bff.cli.check_schema import UpstreamField, place_of_type
from bff.cli.findings import Finding
from bff.cli.project import relative
from bff.execution.access.demands import Demands, demands_in
from bff.execution.access.policies import policies_of
from bff.execution.access.requirements import Policy
from bff.policy.document import Mark
from bff.policy.load import PolicySet

_BEARERS = {
    "authorization": "the client's token",
    "cookie": "the client's session",
    "dpop": "the client's proof",
}
"""Headers that let whoever gets them be the client."""


def public_fields(
    schema: GraphQLSchema, fields: Sequence[UpstreamField], policies: PolicySet | None
) -> Iterator[Finding]:
    """Note what anybody may ask for without logging in: root fields, and fields that call a service.

    Nothing is noted where nobody is told apart: without requirements, and without anybody who vouches for callers.
    """
    demands = Demands(schema)
    known = policies is not None and policies.auth is not None and policies.auth.knows_anybody
    if not demands and not known:
        return
    calls = {(one.owner, one.name): one for one in fields}
    roots = [kind for kind in (schema.query_type, schema.mutation_type, schema.subscription_type) if kind]
    for owner, name, field in _open(demands, roots):
        called = calls.get((owner.name, name))
        if called is None and owner not in roots:
            continue
        file, line = called.place if called else _place_of_field(owner, field)
        services = f" and calls {', '.join(sorted(called.upstreams))}" if called else ""
        yield Finding("note", "public-field", file, line, 1, f"{owner.name}.{name} is open to everybody{services}")


def unknown_access_policies(schema: GraphQLSchema) -> Iterator[Finding]:
    """Find policies that fields require and the schema does not have; nobody would ever get past them."""
    known = sorted(policies_of(schema))
    for demand in demands_in(schema):
        wanted, place = demand.directive.requirement, demand.directive.place
        if not isinstance(wanted, Policy) or wanted.name in known:
            continue
        close = difflib.get_close_matches(wanted.name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        message = f"{demand.place} requires access policy {wanted.name!r}, which the schema does not have{hint}"
        fix = (
            f"write {close[0]}" if close else f"give it to with_policies; there are: {', '.join(known) or 'none'}"
        )
        yield Finding("error", "unknown-access-policy", relative(place.file), place.line, 1, message, fix)


def forwarded_credentials(policies: PolicySet | None) -> Iterator[Finding]:
    """Note headers that hand what the client proves itself with to a service, whomever it is meant for (UC-1)."""
    for upstream, policy in (policies.upstreams if policies else {}).items():
        for name in sorted(policy.forward.headers & _BEARERS.keys()):
            assert policies is not None
            stated = policies.documents[f"upstreams/{upstream}"].find(("forward", "headers"))
            at = (stated and (stated.key_at or stated.at)) or Mark(f"upstreams/{upstream}.yaml")
            message = f"{upstream} gets {_BEARERS[name]}, whomever it is meant for"
            fix = "write credentials: {mode: forward, audience: NAME}" if name == "authorization" else None
            yield Finding("note", "forwarded-credentials", at.file, at.line, at.column, message, fix)


def _open(
    demands: Demands, roots: Sequence[GraphQLObjectType]
) -> Iterator[tuple[GraphQLObjectType, str, GraphQLField]]:
    """Yield each field that can be reached without meeting any requirement."""
    waiting, seen = list(roots), {one.name for one in roots}
    while waiting:
        owner = waiting.pop(0)
        for name, field in owner.fields.items():
            if (owner.name, name) in demands.fields:
                continue
            yield owner, name, field
            for kind in demands.possible(get_named_type(field.type)):
                if kind.name not in seen and kind.name not in demands.objects:
                    seen.add(kind.name)
                    waiting.append(kind)


def _place_of_field(owner: GraphQLObjectType, field: GraphQLField) -> tuple[str, int]:
    definition: Any = (field.extensions or {}).get("strawberry-definition")
    function = getattr(getattr(definition, "base_resolver", None), "wrapped_func", None)
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return (relative(code.co_filename), code.co_firstlineno) if code else place_of_type(owner)
