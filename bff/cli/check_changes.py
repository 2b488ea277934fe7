"""Which changes of a schema break which operations that clients send."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate
from graphql.utilities import (
    BreakingChangeType,
    DangerousChangeType,
    find_breaking_changes,
    find_dangerous_changes,
)

from bff.cli.check_operations import Document
from bff.cli.findings import Finding, Level
from bff.cli.schema_usage import Place, Usage, usages
from bff.execution.trusted.manifest import Manifest

_COORDINATE = re.compile(r"@?\w+(?:\.\w+)?(?:\(\w+:\))?")
_FIRST_WORDS = re.compile(
    r"^(?:A required argument|An optional argument|A required field|An optional field|Argument|Field|Enum value|"
    r"Directive|Standard scalar|Repeatable flag was removed from)\s"
)
_LATER = {
    BreakingChangeType.TYPE_REMOVED_FROM_UNION: re.compile(
        r"^(?P<member>\w+) was removed from union type (?P<at>\w+)"
    ),
    DangerousChangeType.TYPE_ADDED_TO_UNION: re.compile(r"^\w+ was added to union type (?P<at>\w+)"),
    BreakingChangeType.IMPLEMENTED_INTERFACE_REMOVED: re.compile(
        r"^(?P<member>\w+) no longer implements interface (?P<at>\w+)"
    ),
    DangerousChangeType.IMPLEMENTED_INTERFACE_ADDED: re.compile(r"^(?P<at>\w+) added to interfaces"),
    BreakingChangeType.DIRECTIVE_LOCATION_REMOVED: re.compile(r"^\w+ was removed from (?P<at>@\w+)"),
}
_OF_THE_FIELD = {
    BreakingChangeType.REQUIRED_ARG_ADDED,
    BreakingChangeType.REQUIRED_DIRECTIVE_ARG_ADDED,
    DangerousChangeType.OPTIONAL_ARG_ADDED,
}
"""Of an argument that no operation can use yet: whoever uses its field is concerned."""

_OF_THE_TYPE = {
    BreakingChangeType.REQUIRED_INPUT_FIELD_ADDED,
    DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED,
    DangerousChangeType.VALUE_ADDED_TO_ENUM,
}
_SENT_ONLY = {BreakingChangeType.VALUE_REMOVED_FROM_ENUM}
_READ_ONLY = {DangerousChangeType.VALUE_ADDED_TO_ENUM}


class Sent(NamedTuple):
    """A document that clients send.

    Attributes:
        file: Where it stands.
        tree: What it says, or why it says nothing.
        client: Who sends it, with version; empty where nobody registered it.
        line: Where it stands in a file that holds many; None for a file of its own.
    """

    file: str
    tree: DocumentNode | GraphQLError
    client: str = ""
    line: int | None = None


def of_files(documents: Iterable[Document]) -> list[Sent]:
    """Return the documents of operation files."""
    return [Sent(one.file, one.tree) for one in documents]


def of_manifests(manifests: Iterable[Manifest]) -> list[Sent]:
    """Return the registered documents, each with the client that sends it."""
    return [
        Sent(one.file, _parsed(each.text), one.owner, each.line) for one in manifests for each in one.documents
    ]


def _parsed(text: str) -> DocumentNode | GraphQLError:
    try:
        return parse(text)
    except GraphQLError as error:
        return error


class Change(NamedTuple):
    """One change of a schema.

    Attributes:
        kind: As graphql-core names it, such as `FIELD_REMOVED`.
        text: What changed, in words.
        breaking: Whether it may break operations; otherwise it is only dangerous.
        at: The schema coordinate whose users are concerned.
        member: The type that an operation must name besides, for changes of unions and interfaces.
    """

    kind: BreakingChangeType | DangerousChangeType
    text: str
    breaking: bool
    at: str
    member: str | None


def changes(old: GraphQLSchema, new: GraphQLSchema) -> list[Change]:
    """Return the breaking and then the dangerous changes from *old* to *new*."""
    found: Iterable[Any] = (*find_breaking_changes(old, new), *find_dangerous_changes(old, new))
    return [_change(one.type, one.description) for one in found]


def findings(
    old: GraphQLSchema, new: GraphQLSchema, documents: Sequence[Sent], *, old_file: str
) -> Iterator[Finding]:
    """Return what the changes from *old* to *new* do to the operations in *documents*.

    A breaking change that hits an operation is an error in its file; everything else is a note: dangerous changes
    where an operation meets them, and changes that hit nobody where *old_file* defines what they are about.
    """
    used = [(document, usage) for document in documents for usage in _usages(old, document)]
    told: set[int] = set()
    for change in changes(old, new):
        hits = [(document, usage, place) for document, usage in used if (place := _hit(change, usage))]
        for document, usage, place in hits:
            level: Level = "error" if change.breaking else "note"
            told |= {id(document)} if change.breaking else set()
            whose = _named(usage.name, document.client)
            message = f"{change.text.rstrip('.')}, and {whose} {'breaks' if change.breaking else 'meets it'}"
            yield Finding(level, _rule(change), document.file, *_at(document, place), message, _fix(change))
        if not hits:
            line, column = _defined_at(old, change.at)
            message = f"{change.text.rstrip('.')}; no operation of yours uses it"
            yield Finding("note", _rule(change), old_file, line, column, message)
    yield from _invalid(old, new, [one for one in documents if id(one) not in told])


def _usages(old: GraphQLSchema, document: Sent) -> Iterator[Usage]:
    if not isinstance(document.tree, GraphQLError) and not validate(old, document.tree):
        yield from usages(old, document.tree)


def _invalid(old: GraphQLSchema, new: GraphQLSchema, documents: Sequence[Sent]) -> Iterator[Finding]:
    """Find operations that were valid and are not any more, whatever the change is called."""
    for document in documents:
        if isinstance(document.tree, GraphQLError) or validate(old, document.tree):
            continue
        for error in validate(new, document.tree):
            at = error.locations[0] if error.locations else None
            whose = f" of {document.client}" if document.client else ""
            message = f"the operation{whose} was valid and is not any more: {error.message.rstrip('.')}"
            place = _at(document, (at.line, at.column) if at else (1, 1))
            yield Finding("error", "breaking-change", document.file, *place, message)


def _at(document: Sent, place: Place) -> Place:
    return place if document.line is None else (document.line, 1)


def _named(name: str | None, client: str) -> str:
    said = f"operation {name}" if name else "the operation without a name"
    return f"{said} of {client}" if client else said


def _change(kind: BreakingChangeType | DangerousChangeType, text: str) -> Change:
    breaking = isinstance(kind, BreakingChangeType)
    pattern = _LATER.get(kind)
    if pattern is not None and (found := pattern.match(text)):
        return Change(kind, text, breaking, found["at"], found.groupdict().get("member"))
    named = _COORDINATE.match(_FIRST_WORDS.sub("", text))
    at = named[0] if named else ""
    if kind in _OF_THE_FIELD:
        at = at.partition("(")[0]
    elif kind in _OF_THE_TYPE:
        at = at.partition(".")[0]
    return Change(kind, text, breaking, at, None)


def _hit(change: Change, usage: Usage) -> Place | None:
    """Return where *usage* meets *change*; None where it does not."""
    place = None if change.kind in _READ_ONLY else usage.sent.get(change.at)
    if place is None and change.kind not in _SENT_ONLY:
        place = usage.read.get(change.at)
    if change.member is None or place is None:
        return place
    return usage.read.get(f"... on {change.member}")


def _rule(change: Change) -> str:
    return "breaking-change" if change.breaking else "dangerous-change"


def _fix(change: Change) -> str | None:
    if not change.breaking:
        return None
    return "keep it, deprecated, until no client sends this operation any more"


def _defined_at(schema: GraphQLSchema, coordinate: str) -> Place:
    """Return where *schema*'s document defines the type, field or directive of *coordinate*."""
    name, _, rest = coordinate.partition("(")[0].partition(".")
    owner: Any = schema.get_directive(name[1:]) if name.startswith("@") else schema.type_map.get(name)
    members = getattr(owner, "fields", None) or getattr(owner, "values", None) or {}
    node = getattr(members.get(rest), "ast_node", None) or getattr(owner, "ast_node", None)
    token = node.loc.start_token if node is not None and node.loc else None
    return (token.line, token.column) if token else (1, 1)
