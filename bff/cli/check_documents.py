"""Whether registered documents fit the schema and the limits."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode, parse

from bff.cli.findings import Finding
from bff.cli.output import Unusable
from bff.clock import SystemClock
from bff.events import ignore
from bff.execution.cost.charge import Costs
from bff.execution.cost.estimate import ListTooLong
from bff.execution.cost.weights import weights_in
from bff.execution.documents import Document, Documents
from bff.execution.strawberry_schema import graphql_schema_of, rules_of
from bff.execution.trusted.manifest import Manifest, Registered
from bff.policy.load import PolicySet, load
from bff.policy.model import OperationsPolicy
from bff.policy.problem import PolicyError


def check(manifest: Manifest, schema: Any, policies: Path) -> Iterator[Finding]:
    """Find documents of *manifest* that *schema* or the limits in *policies* refuse, or that cost too much.

    Raises:
        Unusable: The policies are not right.
    """
    found = _policies(policies)
    executable, operations = graphql_schema_of(schema), found.operations
    costs = Costs(executable, operations.cost, weight_of=weights_in(found.upstreams), notify=ignore)
    shelf = Documents(executable, operations, clock=SystemClock(), rules=rules_of(schema), costs=costs)
    try:
        for one in manifest.documents:
            judged = shelf.judge(one.text)
            if isinstance(judged, Document):
                yield from _expensive(manifest, one, judged, operations)
            else:
                yield from (_finding(manifest, one, _said(error)) for error in judged.errors)
    finally:
        shelf.close()


def completed(manifest: Manifest, client: str, version: str) -> Manifest:
    """Return *manifest* as that of *client*, with names and types of operations that it does not say."""
    documents = tuple(_completed(one) for one in manifest.documents)
    return replace(manifest, documents=documents, client=client, version=version)


def _completed(document: Registered) -> Registered:
    try:
        definitions = parse(document.text, no_location=True).definitions
    except (GraphQLError, RecursionError):
        return document
    for node in definitions:
        if isinstance(node, OperationDefinitionNode):
            name = document.name or (node.name.value if node.name else "")
            return replace(document, name=name, kind=node.operation.value)
    return document


def _expensive(
    manifest: Manifest, registered: Registered, document: Document, operations: OperationsPolicy
) -> Iterator[Finding]:
    """Warn of what is refused even with the variables' own defaults."""
    most = operations.cost.max_cost
    for cost in document.costs.values():
        try:
            requested = cost.estimate.of({})
        except ListTooLong as error:
            yield _finding(manifest, registered, str(error))
            continue
        if requested > most and operations.cost.mode == "enforce":
            dearest = ", ".join(path for path, _ in cost.estimate.most_expensive({}, 2))
            message = f"it may cost {requested:.0f}, and max_cost is {most}; most of it at {dearest}"
            yield replace(_finding(manifest, registered, message), level="warning")


def _said(error: GraphQLError) -> str:
    at = error.locations[0] if error.locations else None
    message = error.message.rstrip(".")
    return f"at {at.line}:{at.column} of the document: {message}" if at else message


def _finding(manifest: Manifest, document: Registered, message: str) -> Finding:
    what = f"{document.name or document.id}: {message}"
    return Finding("error", "document", manifest.file, document.line, 1, what)


def _policies(folder: Path) -> PolicySet:
    try:
        return load(folder)
    except PolicyError as error:
        raise Unusable(f"the policies are not right, see bff policies check: {error.problems[0]}") from error
