"""The costed positions of an operation as a tree whose equal parts are shared, so that it stays small."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLArgument,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    value_from_ast_untyped,
)

from bff.execution.cost.collect import ALWAYS, Collector, Guard, Guarded, TooComplex
from bff.execution.cost.weights import Own, Weights

UNGUARDED: Final = (ALWAYS,)
"""The guards of a field that is always wanted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The variable that says a size, and what counts when it is not sent."""

    variable: str
    default: int | None


@dataclass(frozen=True, slots=True)
class Size:
    """How many items a list has.

    Attributes:
        terms: What arguments say; the largest counts.
        assumed: Where they say nothing.
        fields: The lists of the returned object that it is about; None for all that say nothing themselves.
    """

    terms: tuple[int | Asked, ...]
    assumed: int
    fields: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of one type at one position, all its nodes merged.

    Attributes:
        key: Under which it stands in the answer.
        guards: It is wanted when one of them holds.
        own: What it costs without what is below.
        size: How many items its list has; None where it is no list.
        handed: What it says about the lists of the object that it returns.
        inner: Items of lists in its list, for each item.
        below: What is wanted of each object; None for leaves.
    """

    key: str
    guards: tuple[Guard, ...]
    own: Own
    size: Size | None
    handed: Size | None
    inner: int
    below: "Spot | None"

    def identity(self) -> object:
        """Return what is equal for fields that cost the same."""
        return (self.key, self.guards, self.own, self.size, self.handed, self.inner, id(self.below))


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """What is wanted of the object types *names*, each object of which costs *weight*."""

    names: frozenset[str]
    weight: float
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """What is wanted at one position, one branch for each kind of object that may stand there.

    Attributes:
        number: Its place in `Tree.spots`.
        branches: The kinds of objects.
        type_key: Under which the name of its type stands in each object; None where nobody asks for it.
    """

    number: int
    branches: tuple[Branch, ...]
    type_key: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """The costed positions of one operation.

    Attributes:
        root: The operation's own fields.
        spots: All positions; each stands after those below it.
        defaults: The values of variables that are not sent.
    """

    root: Spot
    spots: tuple[Spot, ...]
    defaults: Mapping[str, Any]


def plant(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    weights: Weights,
    list_size: int,
) -> Tree:
    """Return the tree of a validated *operation*.

    Args:
        schema: What it is validated against.
        operation: What is asked.
        fragments: Of its document, by name.
        weights: What fields and types cost by themselves.
        list_size: Items of a list of which nothing is said.

    Raises:
        TooComplex: It would take too long.
    """
    kind = schema.get_root_type(operation.operation)
    if kind is None:
        raise TooComplex("there is no such root type")
    planter = _Planter(schema, operation, Collector(schema, fragments), weights, list_size)
    try:
        root = planter.spot(kind, ((operation.selection_set, ALWAYS),), None)
    except RecursionError:
        raise TooComplex("nested too deeply") from None
    return Tree(root, tuple(planter.spots), planter.defaults)


class _Planter:
    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        collector: Collector,
        weights: Weights,
        list_size: int,
    ) -> None:
        self._schema = schema
        self._collector = collector
        self._weights = weights
        self._list_size = list_size
        self._known: dict[Any, Spot] = {}
        self.spots: list[Spot] = []
        self.defaults = {
            one.variable.name.value: value_from_ast_untyped(one.default_value)
            for one in operation.variable_definitions or ()
            if one.default_value is not None
        }

    def spot(self, kind: GraphQLCompositeType, selections: Sequence[Guarded], handed: Size | None) -> Spot:
        """Return the position where *selections* are wanted of *kind*; *handed* is what the field above said."""
        key = (kind.name, handed, tuple((id(one), guard) for one, guard in selections))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._make(kind, selections, handed)
        return found

    def _make(self, kind: GraphQLCompositeType, selections: Sequence[Guarded], handed: Size | None) -> Spot:
        possible = self._schema.get_possible_types(kind) if is_abstract_type(kind) else (kind,)
        branches: dict[Any, tuple[set[str], float, tuple[Field, ...]]] = {}
        type_key = None
        for one in possible:
            assert is_object_type(one)
            collected = self._collector.fields(one, selections)
            fields = tuple(
                field for key, nodes in collected.items() if (field := self._field(one, key, nodes, handed))
            )
            if type_key is None:
                type_key = _type_key(collected)
            weight = self._weights.of_type(one)
            same = (weight, tuple(field.identity() for field in fields))
            branches.setdefault(same, (set(), weight, fields))[0].add(one.name)
        made = tuple(Branch(frozenset(names), weight, fields) for names, weight, fields in branches.values())
        spot = Spot(len(self.spots), made, type_key)
        self.spots.append(spot)
        return spot

    def _field(
        self, owner: GraphQLObjectType, key: str, nodes: list[tuple[FieldNode, Guard]], handed: Size | None
    ) -> Field | None:
        node = nodes[0][0]
        definition = self._schema.get_field(owner, node.name.value)
        if definition is None:
            return None
        levels = _levels(definition.type)
        size, passed = self._sizes(definition, node, levels, handed)
        own = self._weights.of_field(owner, definition)
        guards = _guards(nodes)
        kind: Any = get_named_type(definition.type)
        selections = [
            (one.selection_set, ALWAYS if len(guards) == 1 else guard) for one, guard in nodes if one.selection_set
        ]
        below = self.spot(kind, selections, passed) if selections else None
        if below is None and own == Own() and (size is None or not size.terms):
            return None
        return Field(key, guards, own, size, passed, self._list_size ** max(0, levels - 1), below)

    def _sizes(
        self, definition: GraphQLField, node: FieldNode, levels: int, handed: Size | None
    ) -> tuple[Size | None, Size | None]:
        """Return the size of the field's own list, and what it says about lists of the object it returns."""
        slicing = self._weights.slicing(definition)
        assumed = self._list_size if slicing.assumed is None else slicing.assumed
        if not slicing.said:
            if not levels:
                return None, None
            if handed is not None and (handed.fields is None or node.name.value in handed.fields):
                return handed, None
            return Size((), assumed), None
        terms = tuple(
            term for name in slicing.arguments if (term := self._term(definition, node, name)) is not None
        )
        said = Size(terms, assumed, slicing.fields)
        return (said, None) if levels else (None, said)

    def _term(self, definition: GraphQLField, node: FieldNode, name: str) -> int | Asked | None:
        argument = definition.args[name]
        standard = _standard(argument)
        given = next((one.value for one in node.arguments or () if one.name.value == name), None)
        if given is None:
            return standard
        if isinstance(given, IntValueNode):
            return int(given.value)
        if isinstance(given, VariableNode):
            return Asked(given.name.value, standard)
        return None


def _type_key(collected: Mapping[str, list[tuple[FieldNode, Guard]]]) -> str | None:
    for key, nodes in collected.items():
        if nodes[0][0].name.value == "__typename" and ALWAYS in (guard for _, guard in nodes):
            return key
    return None


def _guards(nodes: Sequence[tuple[FieldNode, Guard]]) -> tuple[Guard, ...]:
    """Return when one of *nodes* is wanted."""
    found = tuple(dict.fromkeys(guard for _, guard in nodes))
    return UNGUARDED if found == UNGUARDED else found


def _standard(argument: GraphQLArgument) -> int | None:
    """Return the number that *argument* has by default."""
    default = argument.default_value
    if argument.default is not None:
        literal = argument.default.literal
        default = argument.default.value if literal is None else value_from_ast_untyped(literal)
    return default if type(default) is int else None


def _levels(kind: Any) -> int:
    levels = 0
    while is_list_type(kind) or is_non_null_type(kind):
        levels += is_list_type(kind)
        kind = kind.of_type
    return levels
