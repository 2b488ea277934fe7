"""The typed tree of an operation: which fields of which types are resolved how, for one set of conditions.

Collecting, merging and conditions are graphql-core's own; what comes out is frozen, and holds everything about a
field that does not change from request to request.
"""

from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Any, Final, Literal, NamedTuple

from graphql import (
    FieldNode,
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLString,
    GraphQLUnionType,
    TypeNameMetaFieldDef,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues, get_argument_values

from bff.execution.compiler.forms import BatchOf, BatchResolve, Direct, DirectOf, no_direct
from bff.execution.compiler.request import Request, Unsupported, variables_in

EAGER_OBJECTS = 256
"""When a plan has so many objects, possible types of abstract ones are planned only when values of them come."""


class Source(Enum):
    """Where the values of a field come from."""

    TYPENAME = "the name of the object type"
    ATTRIBUTE = "an attribute of the parent, as Strawberry's basic fields read it"
    MEMBER = "a member or attribute of the parent, as graphql-core's default resolver reads it"
    RESOLVER = "a function, called for each parent"
    BATCH = "a function, called once for all parents"
    DIRECT = "the function behind a resolver, called for each parent, or once for all of them"
    DENIED = "nowhere: the caller may not have it"


Shape = Literal["leaf", "object", "objects", "other"]
"""How the values of a field are completed: scalars and enums, objects, lists of objects, all else."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldPlan:
    """One field of one object type, all its nodes merged.

    Attributes:
        number: Unique in its program.
        index: Its place among the fields of its object.
        key: Under which it stands in the result.
        parent_type: The object type that it belongs to.
        definition: Of the schema.
        details: The nodes that were merged, as graphql-core's helpers want them.
        nodes: The same, as resolvers and errors want them.
        source: Where its values come from.
        name: The attribute or member that is read.
        batch: The batch form, where `source` is BATCH.
        direct: The function, where `source` is DIRECT.
        arguments: The coerced arguments, None where they are coerced for each operation.
        nonnull: For each level, from the field itself to the innermost item, whether it may not be null.
        depth: How many lists lie around the innermost value.
        shape: How they are completed.
        as_is: The type of Python whose values go into the result as they are, where that depends on nothing else.
        leaf: The innermost type, if it is a scalar or enum.
        abstract: The innermost type, if it is an interface or union.
        objects: The innermost object types by name, with their fields; an abstract type may get more of them.
        object: The innermost type, if it is an object type.
    """

    number: int
    index: int
    key: str
    parent_type: GraphQLObjectType
    definition: GraphQLField
    details: list[FieldDetails]
    nodes: list[FieldNode]
    source: Source
    name: str
    batch: BatchResolve | None
    direct: Direct | None
    arguments: dict[str, Any] | None
    nonnull: tuple[bool, ...]
    depth: int
    shape: Shape
    as_is: frozenset[type]
    leaf: GraphQLLeafType | None
    abstract: GraphQLInterfaceType | GraphQLUnionType | None
    objects: "dict[str, ObjectPlan]"
    object: "ObjectPlan | None"


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPlan:
    """One object type at one position, with the fields that are wanted of it."""

    number: int
    type: GraphQLObjectType
    fields: tuple[FieldPlan, ...]


class Options(NamedTuple):
    """What a plan depends on besides the operation.

    Attributes:
        batch_of: Tells the batch form of a field.
        middleware: Whether every resolver is wrapped, also the default one.
        own_default: Whether fields without a resolver use a resolver of the caller's.
        hide_suggestions: Whether errors name no similar names.
        denied: Fields that fail without being asked, by the names of type and field.
        direct_of: Tells the function behind a field's resolver.
    """

    batch_of: BatchOf
    middleware: bool = False
    own_default: bool = False
    hide_suggestions: bool = False
    denied: frozenset[tuple[str, str]] = frozenset()
    direct_of: DirectOf = no_direct


class Planner:
    """Plans the operation of *request* under *options* and the conditions in *variables*."""

    def __init__(self, request: Request, options: Options, variables: VariableValues) -> None:
        self._request = request
        self._options = options
        self._variables = variables
        self._fields = count()
        self._objects = count()
        self._planned = 0

    def root(self) -> ObjectPlan:
        """Return the plan of the root.

        Raises:
            Unsupported: Something in it is left to graphql-core.
        """
        request = self._request
        root_type = request.schema.get_root_type(request.operation.operation)
        if root_type is None:
            raise Unsupported("no root type")
        collected = collect_fields(
            request.schema,
            request.fragments,
            self._variables,
            root_type,
            request.operation,
            self._options.hide_suggestions,
        )
        return self._object(root_type, collected)

    def object(self, object_type: GraphQLObjectType, details: list[FieldDetails]) -> ObjectPlan:
        """Return the plan of the selections in *details* on *object_type*."""
        request = self._request
        collected = collect_subfields(
            request.schema,
            request.fragments,
            self._variables,
            request.operation,
            object_type,
            details,
            self._options.hide_suggestions,
        )
        return self._object(object_type, collected)

    def _object(self, object_type: GraphQLObjectType, collected: CollectedFields) -> ObjectPlan:
        number = next(self._objects)
        self._planned += 1
        fields: list[FieldPlan] = []
        for key, details in collected.grouped_field_set.items():
            definition = self._request.schema.get_field(object_type, details[0].node.name.value)
            if definition is not None:
                fields.append(self._field(object_type, key, definition, details, len(fields)))
        return ObjectPlan(number, object_type, tuple(fields))

    def _field(
        self,
        parent: GraphQLObjectType,
        key: str,
        definition: GraphQLField,
        details: list[FieldDetails],
        index: int,
    ) -> FieldPlan:
        nodes = [one.node for one in details]
        nonnull, inner = _levels(definition.type)
        name = nodes[0].name.value
        batch: BatchResolve | None = None
        direct: Direct | None = None
        if (parent.name, name) in self._options.denied:
            source, inner = Source.DENIED, None
        else:
            source, name, batch, direct = self._source(definition, name)
        objects: dict[str, ObjectPlan] = {}
        leaf = inner if is_leaf_type(inner) else None
        if is_object_type(inner):
            objects[inner.name] = self.object(inner, details)
        elif leaf is None and inner is not None:
            for one in self._request.schema.get_possible_types(inner):
                if self._planned < EAGER_OBJECTS:
                    objects[one.name] = self.object(one, details)
        abstract = None if leaf is not None or is_object_type(inner) else inner
        return FieldPlan(
            next(self._fields),
            index,
            key,
            parent,
            definition,
            details,
            nodes,
            source,
            name,
            batch,
            direct,
            self._arguments(definition, nodes[0]),
            nonnull,
            len(nonnull) - 1,
            _shape(inner, len(nonnull) - 1),
            _AS_IS.get(leaf, frozenset()) if leaf is not None and len(nonnull) == 1 else frozenset(),
            leaf,
            abstract,
            objects,
            objects[inner.name] if is_object_type(inner) else None,
        )

    def _source(
        self, definition: GraphQLField, name: str
    ) -> tuple[Source, str, BatchResolve | None, Direct | None]:
        if self._options.middleware:
            return Source.RESOLVER, name, None, None
        if definition is TypeNameMetaFieldDef:
            return Source.TYPENAME, name, None, None
        batch = self._options.batch_of(definition)
        if batch is not None:
            return Source.BATCH, name, batch, None
        if definition.resolve is None:
            called = self._options.own_default or bool(definition.args)
            return (Source.RESOLVER if called else Source.MEMBER), name, None, None
        attribute = basic_attribute(definition)
        if attribute is not None:
            return Source.ATTRIBUTE, attribute, None, None
        direct = self._options.direct_of(definition)
        return (Source.RESOLVER if direct is None else Source.DIRECT), name, None, direct

    def _arguments(self, definition: GraphQLField, node: FieldNode) -> dict[str, Any] | None:
        if not definition.args and not node.arguments:
            return {}
        if variables_in(node.arguments or ()):
            return None
        try:
            values = get_argument_values(definition, node, None, None, self._options.hide_suggestions)
        except Exception:  # noqa: BLE001 - it is raised again for each parent of the field
            return None
        return values if all(_immutable(value) for value in values.values()) else None


_AS_IS: Final[dict[GraphQLLeafType, frozenset[type]]] = {
    GraphQLString: frozenset({str}),
    GraphQLID: frozenset({str}),
    GraphQLBoolean: frozenset({bool}),
}


def _shape(inner: Any, depth: int) -> Shape:
    if is_leaf_type(inner):
        return "leaf"
    if is_object_type(inner) and depth <= 1:
        return "objects" if depth else "object"
    return "other"


def _levels(wanted: Any) -> tuple[tuple[bool, ...], Any]:
    nonnull: list[bool] = []
    while True:
        nonnull.append(is_non_null_type(wanted))
        if is_non_null_type(wanted):
            wanted = wanted.of_type
        if not is_list_type(wanted):
            return tuple(nonnull), wanted
        wanted = wanted.of_type


def _immutable(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool, Enum))


def basic_attribute(definition: GraphQLField) -> str | None:
    """Return the attribute that a basic field of Strawberry reads, None for any other field."""
    if getattr(definition.resolve, "__name__", "") != "_get_basic_result":
        return None
    described: Any = definition.extensions.get("strawberry-definition")
    if (
        getattr(described, "default_resolver", None) is getattr
        and type(described).get_result.__qualname__ == "StrawberryField.get_result"
    ):
        name: str = described.python_name
        return name
    return None
