"""What of a schema an operation uses, by schema coordinate, and where."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_enum_type,
    type_from_ast,
    visit,
)

Place = tuple[int, int]
"""Line and column, both from 1."""


class Usage(NamedTuple):
    """What one operation uses.

    Attributes:
        name: Of the operation; None where it has none.
        sent: What the client sends, and where: input types, their fields, enum values that it may send.
        read: What it selects, and where: fields, arguments, types, directives.
    """

    name: str | None
    sent: dict[str, Place]
    read: dict[str, Place]


def usages(schema: GraphQLSchema, document: DocumentNode) -> Iterator[Usage]:
    """Return what each operation in *document* uses of *schema*, its fragments included."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            found = _Usage(schema, fragments)
            found.look_at(node)
            yield Usage(node.name.value if node.name else None, found.sent, found.read)


class _Usage(Visitor):
    def __init__(self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode]) -> None:
        super().__init__()
        self._schema = schema
        self._fragments = fragments
        self._seen: set[str] = set()
        self._info = TypeInfo(schema)
        self._field = ""
        self.sent: dict[str, Place] = {}
        self.read: dict[str, Place] = {}

    def look_at(self, node: Node) -> None:
        """Note everything that *node* uses."""
        spread: list[str] = []

        class Spreads(Visitor):
            def enter_fragment_spread(self, one: Any, *_: Any) -> None:
                spread.append(one.name.value)

        visit(node, TypeInfoVisitor(self._info, self))
        visit(node, Spreads())
        for name in spread:
            if name not in self._seen and name in self._fragments:
                self._seen.add(name)
                self.look_at(self._fragments[name])

    def enter_field(self, node: Any, *_: Any) -> None:
        owner, field = self._info.get_parent_type(), self._info.get_field_def()
        if owner is None or field is None:
            return
        place = _place(node)
        self._field = f"{owner.name}.{node.name.value}"
        self.read.setdefault(owner.name, place)
        self.read.setdefault(self._field, place)
        self.read.setdefault(get_named_type(field.type).name, place)

    def enter_argument(self, node: Any, *_: Any) -> None:
        directive = self._info.get_directive()
        of = f"@{directive.name}" if directive is not None else self._field
        self.read.setdefault(f"{of}({node.name.value}:)", _place(node))

    def enter_directive(self, node: Any, *_: Any) -> None:
        self.read.setdefault(f"@{node.name.value}", _place(node))

    def enter_object_field(self, node: Any, *_: Any) -> None:
        owner = get_named_type(self._info.get_parent_input_type())
        if owner is not None:
            self.sent.setdefault(owner.name, _place(node))
            self.sent.setdefault(f"{owner.name}.{node.name.value}", _place(node))

    def enter_enum_value(self, node: Any, *_: Any) -> None:
        kind = get_named_type(self._info.get_input_type())
        if kind is not None:
            self.sent.setdefault(kind.name, _place(node))
            self.sent.setdefault(f"{kind.name}.{node.value}", _place(node))

    def enter_variable_definition(self, node: Any, *_: Any) -> None:
        kind = type_from_ast(self._schema, node.type)
        if kind is not None:
            self._send(get_named_type(kind), _place(node))

    def enter_inline_fragment(self, node: Any, *_: Any) -> None:
        self._condition(node)

    def enter_fragment_definition(self, node: Any, *_: Any) -> None:
        self._condition(node)

    def _condition(self, node: Any) -> None:
        if node.type_condition is not None:
            name = node.type_condition.name.value
            self.read.setdefault(name, _place(node))
            self.read.setdefault(f"... on {name}", _place(node))

    def _send(self, kind: GraphQLNamedType, place: Place) -> None:
        """Note that a client may send any value of *kind*, whose parts a variable does not say."""
        if kind.name in self.sent:
            return
        self.sent[kind.name] = place
        if is_enum_type(kind):
            self.sent |= {f"{kind.name}.{value}": place for value in kind.values}
        elif isinstance(kind, GraphQLInputObjectType):
            for name, field in kind.fields.items():
                self.sent.setdefault(f"{kind.name}.{name}", place)
                self._send(get_named_type(field.type), place)


def _place(node: Node) -> Place:
    token = node.loc.start_token if node.loc else None
    return (token.line, token.column) if token else (1, 1)
