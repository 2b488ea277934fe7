"""Which clients still use what the schema calls deprecated, found once for each document."""

from collections.abc import Callable, Mapping

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_object_type,
    separate_operations,
    visit,
)

from bff.events import DeprecatedFieldsUsed, Notify
from bff.execution.documents import Document
from bff.execution.messages import Ingress

Named = Callable[[Mapping[str, str]], tuple[str | None, str | None]]
"""Returns what a client calls itself, and its version, from its request headers."""

MAX_KEPT = 10_000
"""Operations whose deprecated fields are remembered; beyond it all are looked at anew."""


class Deprecated:
    """Tells of deprecated fields, arguments and enum values that operations ask for.

    Args:
        schema: Says what is deprecated.
        named: Who asks.
        notify: Told of each operation that uses any.
    """

    def __init__(self, schema: GraphQLSchema, named: Named, notify: Notify) -> None:
        self._schema = schema
        self._named = named
        self._notify = notify
        self._found: dict[tuple[str, str | None], tuple[str, ...]] = {}
        self.any = _has_deprecated(schema)
        """Whether the schema calls anything deprecated."""

    def __call__(self, document: Document, operation: str | None, ingress: Ingress) -> None:
        """Look at one operation before it runs."""
        key = document.hash, operation
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= MAX_KEPT:
                self._found.clear()
            parts = separate_operations(document.node)
            found = self._found[key] = coordinates(self._schema, parts[operation or ""])
        if found:
            name, version = self._named(ingress.headers)
            self._notify(DeprecatedFieldsUsed(ingress.request_id, name or "", version or "", found))


def coordinates(schema: GraphQLSchema, document: DocumentNode) -> tuple[str, ...]:
    """Return the coordinates of everything deprecated in *document*, such as `Dish.price` or `Query.dish(id:)`."""
    types = TypeInfo(schema)
    found: dict[str, None] = {}

    class Look(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            parent, field = types.get_parent_type(), types.get_field_def()
            if parent is None or field is None:
                return
            place = f"{parent.name}.{node.name.value}"
            if field.deprecation_reason is not None:
                found[place] = None
            for argument in node.arguments or ():
                known = field.args.get(argument.name.value)
                if known is not None and known.deprecation_reason is not None:
                    found[f"{place}({argument.name.value}:)"] = None

        def enter_object_field(self, node: object, *_: object) -> None:
            parent = get_named_type(types.get_parent_input_type())
            name = node.name.value  # type: ignore[attr-defined]  # visitors are called by the kind of node
            known = parent.fields.get(name) if is_input_object_type(parent) else None
            if parent is not None and known is not None and known.deprecation_reason is not None:
                found[f"{parent.name}.{name}"] = None

        def enter_enum_value(self, node: object, *_: object) -> None:
            kind = get_named_type(types.get_input_type())
            name = node.value  # type: ignore[attr-defined]  # as above
            known = kind.values.get(name) if is_enum_type(kind) else None
            if kind is not None and known is not None and known.deprecation_reason is not None:
                found[f"{kind.name}.{name}"] = None

    visit(document, TypeInfoVisitor(types, Look()))
    return tuple(found)


def _has_deprecated(schema: GraphQLSchema) -> bool:
    for kind in schema.type_map.values():
        if kind.name.startswith("__"):
            continue
        members: list[object] = []
        if is_object_type(kind) or is_interface_type(kind):
            members = [part for field in kind.fields.values() for part in (field, *field.args.values())]
        elif is_input_object_type(kind):
            members = list(kind.fields.values())
        elif is_enum_type(kind):
            members = list(kind.values.values())
        if any(getattr(member, "deprecation_reason", None) is not None for member in members):
            return True
    return False
