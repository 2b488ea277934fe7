"""How often, and in how much time, what the schema and the operations say makes services be called."""

import inspect
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_introspection_type,
    validate,
)

from bff.cli.check_operations import Document, read_variables
from bff.cli.check_schema import UpstreamField, named_endpoints
from bff.cli.findings import Finding
from bff.cli.project import relative
from bff.explain import Explainer, Question, Unexplainable
from bff.explain.sites import is_opaque
from bff.explain.sizes import lists_in
from bff.policy.document import Mark
from bff.policy.load import PolicySet
from bff.policy.units import format_duration
from bff.upstream.batch import Batching


def calls_for_each_item(schema: GraphQLSchema, fields: Sequence[UpstreamField]) -> Iterator[Finding]:
    """Find fields below a list that make one call for each item, and do not say why (N+1)."""
    listed = below_lists(schema)
    for field in fields:
        path, resolver = listed.get(field.owner), field.resolver
        single = sorted(str(one) for one in resolver.calls if not isinstance(one, Batching))
        if path is None or resolver.batched or resolver.per_parent or not single:
            continue
        file, line = field.place
        calls = ", ".join(single)
        yield Finding(
            "warning",
            "n-plus-one",
            file,
            line,
            1,
            f"{field.owner}.{field.name} calls {calls} once for each {field.owner}, and {path} is a list of them",
            "make it @batched over an endpoint that takes many keys; where the service has none, write "
            f'@resolver(calls=[{calls}], per_parent="why")',
        )
    yield from _undeclared(schema, listed)


def _undeclared(schema: GraphQLSchema, listed: Mapping[str, str]) -> Iterator[Finding]:
    for owner in _objects(schema):
        for name, field in owner.fields.items():
            if owner.name not in listed or not is_opaque(field):
                continue
            file, line = _place_of(field)
            yield Finding(
                "warning",
                "n-plus-one",
                file,
                line,
                1,
                f"{owner.name}.{name} is neither batched nor declared: it may call any service once for each "
                f"{owner.name}, and {listed[owner.name]} is a list of them",
                "make it with @batched(calls=[...]) or @resolver(calls=[...]) and bff.field",
            )


def below_lists(schema: GraphQLSchema) -> dict[str, str]:
    """Return the object types that lists lead to, each with the path of such a list, the shortest first."""
    found: dict[str, str] = {}
    seen: set[tuple[str, bool]] = set()
    roots = [one for one in (schema.query_type, schema.mutation_type, schema.subscription_type) if one]
    todo: deque[tuple[GraphQLObjectType, str, str | None]] = deque((root, "", None) for root in roots)
    while todo:
        owner, path, listed = todo.popleft()
        if (owner.name, listed is not None) in seen:
            continue
        seen.add((owner.name, listed is not None))
        if listed is not None:
            found.setdefault(owner.name, listed)
        for name, field in owner.fields.items():
            here = f"{path}.{name}" if path else name
            below = here if lists_in(field.type) else listed
            todo.extend((one, here, below) for one in _possible(schema, get_named_type(field.type)))
    return found


def unreachable_endpoints(fields: Sequence[UpstreamField], policies: PolicySet | None) -> Iterator[Finding]:
    """Find policies of endpoints that no field calls; what they say is never in force."""
    if policies is None:
        return
    called: dict[str, set[str]] = {}
    declared: dict[str, set[str]] = {}
    for endpoint in (endpoint for field in fields for endpoint in field.resolver.calls):
        for one in (endpoint, getattr(endpoint, "otherwise", None)):
            if one is not None:
                called.setdefault(one.upstream.name, set()).add(one.name)
                declared.setdefault(one.upstream.name, set()).update(one.upstream.endpoints())
    for upstream, policy in policies.upstreams.items():
        for path, name in named_endpoints(policy):
            if name not in declared.get(upstream, ()) or name in called[upstream]:
                continue
            stated = policies.documents[f"upstreams/{upstream}"].find(path)
            at = (stated and (stated.key_at or stated.at)) or Mark(f"upstreams/{upstream}.yaml")
            message = f"no field calls endpoint {upstream}.{name}, so what is said of it is never in force"
            fix = "remove it, or call the endpoint"
            yield Finding("warning", "unreachable-policy", at.file, at.line, at.column, message, fix)


def short_deadlines(
    schema: GraphQLSchema, policies: PolicySet | None, documents: Sequence[Document]
) -> Iterator[Finding]:
    """Find operations whose calls, one attempt each, may take longer than their deadline leaves."""
    if policies is None:
        return
    explainer = Explainer(schema, policies)
    for document in documents:
        if isinstance(document.tree, GraphQLError) or validate(schema, document.tree):
            continue
        for node in document.operations:
            yield from _short_deadline(explainer, policies, document, node)


def _short_deadline(
    explainer: Explainer, policies: PolicySet, document: Document, node: OperationDefinitionNode
) -> Iterator[Finding]:
    assert not isinstance(document.tree, GraphQLError)
    name = node.name.value if node.name else None
    try:
        plan = explainer.explain(Question(document.tree, name, _variables_for(document, node)))
    except Unexplainable:
        return
    latency, reserve = plan.latency, policies.operations.deadline_reserve
    left = latency.deadline_ms - round(reserve.total_seconds() * 1000)
    if latency.single_ms <= left:
        return
    chain = ", then ".join(f"{one.endpoint} {one.attempt_ms}ms" for one in latency.single_chain)
    at = node.loc.start_token if node.loc else None
    needed = latency.single_ms + latency.deadline_ms - left
    yield Finding(
        "warning",
        "short-deadline",
        document.file,
        at.line if at else 1,
        at.column if at else 1,
        f"{name or 'the operation'} has {latency.deadline_ms}ms, {format_duration(reserve)} of it for the answer, "
        f"and its calls may take {latency.single_ms}ms with one attempt each: {chain}; the last is cut short",
        f"shorten timeouts.attempt there, or write deadlines: {{{name or 'NAME'}: {needed}ms}} in operations.yaml",
    )


def _variables_for(document: Document, node: OperationDefinitionNode) -> dict[str, Any]:
    if document.variables is None:
        return {}
    given, _ = read_variables(document.variables_file, document.variables)
    names = {one.variable.name.value for one in node.variable_definitions or ()}
    plain: dict[str, Any] = given.plain() if given else {}
    return {name: value for name, value in plain.items() if name in names}


def _objects(schema: GraphQLSchema) -> Iterator[GraphQLObjectType]:
    for owner in schema.type_map.values():
        if isinstance(owner, GraphQLObjectType) and not is_introspection_type(owner):
            yield owner


def _possible(schema: GraphQLSchema, kind: GraphQLNamedType) -> Sequence[GraphQLObjectType]:
    if isinstance(kind, GraphQLObjectType):
        return [kind]
    return list(schema.get_possible_types(kind)) if is_abstract_type(kind) else []


def _place_of(field: GraphQLField) -> tuple[str, int]:
    """Return file and line of an ordinary Strawberry resolver."""
    described = (field.extensions or {}).get("strawberry-definition")
    function = getattr(getattr(described, "base_resolver", None), "wrapped_func", None)
    code = getattr(inspect.unwrap(function) if function else None, "__code__", None)
    return (relative(code.co_filename), code.co_firstlineno) if code else ("schema", 1)
