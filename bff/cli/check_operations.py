"""Whether the operations that clients send fit the schema, and their sample variables fit them."""

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    NonNullTypeNode,
    OperationDefinitionNode,
    Source,
    VariableDefinitionNode,
    is_input_type,
    parse,
    type_from_ast,
    validate,
    validate_input_value,
)

from bff.cli.findings import Finding
from bff.cli.output import Unusable
from bff.cli.project import relative
from bff.policy.document import Located, Mark
from bff.policy.document import parse as parse_located
from bff.policy.load import PolicySet


class Document(NamedTuple):
    """One `.graphql` file and the `.variables.json` beside it.

    Attributes:
        file: Its path.
        text: Its content.
        tree: What it says, or why it says nothing.
        variables_file: Path of the variables.
        variables: Content of the variables file; None where there is none.
    """

    file: str
    text: str
    tree: DocumentNode | GraphQLError
    variables_file: str
    variables: bytes | None

    @property
    def operations(self) -> list[OperationDefinitionNode]:
        """The operations in it."""
        definitions = self.tree.definitions if isinstance(self.tree, DocumentNode) else ()
        return [node for node in definitions if isinstance(node, OperationDefinitionNode)]


def read_documents(directory: Path) -> list[Document]:
    """Return the operation files below *directory*.

    Raises:
        Unusable: One cannot be read.
    """
    return [_read_document(path) for path in sorted(directory.rglob("*.graphql"))]


def lonely_variables(directory: Path) -> Iterator[Finding]:
    """Find variables whose operation file is gone or named otherwise."""
    for path in sorted(directory.rglob("*.variables.json")):
        operation = path.with_name(path.name.removesuffix(".variables.json") + ".graphql")
        if not operation.is_file():
            message = f"these variables belong to {relative(operation)}, which is not there"
            yield Finding("warning", "variables", relative(path), 1, 1, message, "rename or remove the file")


def operations(schema: GraphQLSchema, documents: Sequence[Document]) -> Iterator[Finding]:
    """Find operations that *schema* would refuse, and variables that do not fit them."""
    for document in documents:
        if isinstance(document.tree, GraphQLError):
            yield _at_error(document.file, document.tree, "operation")
            continue
        errors = validate(schema, document.tree)
        yield from (_at_error(document.file, error, "operation") for error in errors)
        if not errors:
            yield from _variables(schema, document)


def named_operations(policies: PolicySet | None, documents: Sequence[Document]) -> Iterator[Finding]:
    """Find what `operations.yaml` says of operations that no file has."""
    names = sorted({node.name.value for document in documents for node in document.operations if node.name})
    if policies is None or not names:
        return
    said = policies.operations
    sections: list[tuple[tuple[str, ...], Iterable[str], str]] = [
        (("deadlines",), said.deadlines, "deadline"),
        (("priorities",), said.priorities, "priority"),
        (("sharing", "operations"), said.sharing.operations, "rule of sharing"),
    ]
    for section, named, what in sections:
        for name in named:
            if name in names:
                continue
            stated = policies.documents["operations"].find((*section, name))
            at = (stated.key_at if stated else None) or Mark("operations.yaml")
            close = difflib.get_close_matches(name, names, n=1)
            fix = f"write {close[0]}" if close else "remove it, or add the operation"
            message = f"no operation is called {name!r}, so this {what} is never used"
            yield Finding("warning", "unknown-operation", at.file, at.line, at.column, message, fix)


def named_limits(policies: PolicySet | None, documents: Sequence[Document]) -> Iterator[Finding]:
    """Find limits in `clients/*.yaml` for operations that no file has."""
    names = sorted({node.name.value for document in documents for node in document.operations if node.name})
    if policies is None or not names:
        return
    for file, document in policies.documents.items():
        stated = document.find(("limits", "operations")) if file.startswith("clients/") else None
        for name, entry in stated.value.items() if stated and isinstance(stated.value, dict) else ():
            at = entry.key_at or entry.at
            if name in names or not at.file.endswith(f"{file}.yaml"):
                continue
            close = difflib.get_close_matches(name, names, n=1)
            fix = f"write {close[0]}" if close else "remove it, or add the operation"
            message = f"no operation is called {name!r}, so this limit is never used"
            yield Finding("warning", "unknown-operation", at.file, at.line, at.column, message, fix)


def _read_document(path: Path) -> Document:
    variables = path.with_suffix(".variables.json")
    try:
        text = path.read_text("utf-8")
        content = variables.read_bytes() if variables.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"operations: {path} cannot be read: {error}") from error
    try:
        tree: DocumentNode | GraphQLError = parse(Source(text, relative(path)))
    except GraphQLError as error:
        tree = error
    return Document(relative(path), text, tree, relative(variables), content)


def _variables(schema: GraphQLSchema, document: Document) -> Iterator[Finding]:
    wanted = {
        node.variable.name.value: node for one in document.operations for node in one.variable_definitions or ()
    }
    if document.variables is None:
        needed = [name for name, node in wanted.items() if _is_required(node)]
        if needed:
            at = wanted[needed[0]].loc
            line, column = (at.start_token.line, at.start_token.column) if at else (1, 1)
            message = f"variables ${', $'.join(needed)} are needed, and there is no {document.variables_file}"
            yield Finding(
                "note", "variables", document.file, line, column, message, "add it, so that tools can try it"
            )
        return
    given, findings = read_variables(document.variables_file, document.variables)
    yield from findings
    if given is None:
        return
    for name in given.value:
        if name not in wanted:
            message = f"no operation in {document.file} has a variable ${name}"
            yield _at_value(document.variables_file, given, (name,), message)
    for name, node in wanted.items():
        yield from _value(schema, document.variables_file, given, name, node)


def _value(
    schema: GraphQLSchema, file: str, given: Located, name: str, node: VariableDefinitionNode
) -> Iterator[Finding]:
    value = given.find((name,))
    kind: Any = type_from_ast(schema, node.type)
    if value is None:
        if _is_required(node):
            yield _at_value(file, given, (), f"variable ${name} of type {kind} is missing")
        return
    if is_input_type(kind):
        yield from _misfits(file, given, name, value, kind)


def _misfits(file: str, given: Located, name: str, value: Located, kind: GraphQLInputType) -> Iterator[Finding]:
    misfits: list[Finding] = []

    def note(error: GraphQLError, path: list[str | int]) -> None:
        message = f"${name}: {error.message.rstrip('.')}"
        misfits.append(_at_value(file, given, (name, *path), message))

    validate_input_value(value.plain(), kind, note)
    yield from misfits


def read_variables(file: str, content: bytes) -> tuple[Located | None, list[Finding]]:
    """Return the variables in *content* with their places: JSON is YAML 1.2, whose reader keeps them."""
    try:
        json.loads(content)
    except json.JSONDecodeError as error:
        return None, [Finding("error", "variables", file, error.lineno, error.colno, f"not JSON: {error.msg}")]
    except UnicodeDecodeError:
        return None, [Finding("error", "variables", file, 1, 1, "not UTF-8")]
    located, problems = parse_located(file, content)
    findings = [Finding("error", "variables", file, one.line, one.column, one.what) for one in problems]
    if located and not isinstance(located.value, dict):
        return None, [Finding("error", "variables", file, 1, 1, "variables are a JSON object")]
    return located, findings


def _is_required(node: VariableDefinitionNode) -> bool:
    return isinstance(node.type, NonNullTypeNode) and node.default_value is None


def _at_error(file: str, error: GraphQLError, rule: str) -> Finding:
    line, column = (error.locations[0].line, error.locations[0].column) if error.locations else (1, 1)
    return Finding("error", rule, file, line, column, error.message.rstrip("."))


def _at_value(file: str, given: Located, path: tuple[str | int, ...], message: str) -> Finding:
    found = given.find(path)
    at = found.at if found else given.at
    return Finding("error", "variables", file, at.line, at.column, message)
