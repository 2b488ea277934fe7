"""Which fields an operation wants at one position, with the conditions of `@skip` and `@include` left open."""

from collections.abc import Iterable, Mapping, Sequence

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

Guard = frozenset[tuple[str, bool]]
"""Variables and the values that all of them must have; empty for always."""

ALWAYS: Guard = frozenset()

Guarded = tuple[SelectionSetNode, Guard]
"""Selections, and when they count."""

BUDGET = 20_000
"""Selections that are looked at for one operation, those of each use of a fragment and of each possible type."""


class TooComplex(Exception):
    """Estimating the operation would take longer than anybody should wait."""


class Collector:
    """Merges selections by response key.

    Args:
        schema: Tells which types a fragment is about.
        fragments: Of the document, by name.
    """

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._left = BUDGET

    def fields(
        self, kind: GraphQLObjectType, selections: Iterable[Guarded]
    ) -> dict[str, list[tuple[FieldNode, Guard]]]:
        """Return the fields that *selections* want of *kind*, by response key, each with when it is wanted.

        Raises:
            TooComplex: The operation's budget is used up.
        """
        found: dict[str, list[tuple[FieldNode, Guard]]] = {}
        spread: set[tuple[str, Guard]] = set()
        todo = list(selections)
        for selection_set, outer in todo:
            self._spend(len(selection_set.selections) + 1)
            for one in selection_set.selections:
                guard = _guard(one.directives or (), outer)
                if guard is None:
                    continue
                if isinstance(one, FieldNode):
                    found.setdefault((one.alias or one.name).value, []).append((one, guard))
                elif isinstance(one, InlineFragmentNode):
                    if one.type_condition is None or self._is(kind, one.type_condition.name.value):
                        todo.append((one.selection_set, guard))
                elif isinstance(one, FragmentSpreadNode):
                    fragment = self._fragments[one.name.value]
                    known = (one.name.value, guard)
                    if known not in spread and self._is(kind, fragment.type_condition.name.value):
                        spread.add(known)
                        todo.append((fragment.selection_set, guard))
        return found

    def _is(self, kind: GraphQLObjectType, condition: str) -> bool:
        if condition == kind.name:
            return True
        wanted = self._schema.type_map.get(condition)
        return wanted is not None and is_abstract_type(wanted) and self._schema.is_sub_type(wanted, kind)

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooComplex(f"more than {BUDGET} selections to estimate")


def _guard(directives: Sequence[DirectiveNode], outer: Guard) -> Guard | None:
    """Return *outer* with the conditions in *directives*; None where they can never hold."""
    guard = outer
    for one in directives:
        if one.name.value not in {"skip", "include"}:
            continue
        wanted = one.name.value == "include"
        value = one.arguments[0].value if one.arguments else None
        if isinstance(value, BooleanValueNode):
            if value.value is not wanted:
                return None
        elif isinstance(value, VariableNode):
            if (value.name.value, not wanted) in guard:
                return None
            guard |= {(value.name.value, wanted)}
    return guard
