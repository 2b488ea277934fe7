"""What a document may ask at most, counted by a pass of our own before validation sees it (PY-16).

Validation compares fields in pairs and walks fragments again for each operation, so a short document can keep it
busy for a long time. Everything here is linear in the document, or stops when its own count is over the limit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
)

from bff.policy.model import DocumentLimits

_META_FIELDS = frozenset({"__schema", "__type"})
_VISITS_PER_PAIR = 10
"""Rules that walk the fragments of each operation do this many cheap steps in the time of one comparison."""


class LimitExceeded(Exception):
    """A document is over one of its limits; `limit` is its name in the policy."""

    def __init__(self, limit: str, allowed: int) -> None:
        super().__init__(f"The document exceeds the limit {limit} of {allowed}.")
        self.limit = limit
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Measures:
    """What was counted; the worst operation of the document counts.

    Attributes:
        depth: Fields below one another.
        aliases: Aliased fields, fragments counted once for each use.
        root_fields: Fields directly below an operation.
        directives: Most directives on one place.
        input_depth: Lists and objects within one another, in arguments and default values.
        merge_pairs: Upper bound of the comparisons that field merging needs; 0 when fragments are cyclic.
        introspects: Whether `__schema` or `__type` is asked.
        cyclic: Whether fragments spread one another in a circle, which validation will report.
    """

    depth: int
    aliases: int
    root_fields: int
    directives: int
    input_depth: int
    merge_pairs: int
    introspects: bool
    cyclic: bool


@dataclass(slots=True)
class _Part:
    """One operation or fragment: what it holds itself, and which fragments it spreads at which depth."""

    depth: int = 0
    aliases: int = 0
    root_fields: int = 0
    directives: int = 0
    input_depth: int = 0
    selections: int = 0
    introspects: bool = False
    spreads: list[tuple[str, int]] = field(default_factory=list)

    def count_directives(self, node: Node) -> None:
        directives: Sequence[DirectiveNode] = getattr(node, "directives", None) or ()
        self.directives = max(self.directives, len(directives))
        for directive in directives:
            for argument in directive.arguments or ():
                self.count_value(argument.value)

    def count_value(self, value: ValueNode | None) -> None:
        depth = 0
        level: list[Any] = [value]
        while level:
            level = [inner for one in level for inner in _inner_values(one)]
            depth += bool(level)
        self.input_depth = max(self.input_depth, depth)


def measure(document: DocumentNode, limits: DocumentLimits) -> Measures:
    """Return the counts of *document*.

    Raises:
        LimitExceeded: It is over one of *limits*.
    """
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    own = {name: _own(node) for name, node in fragments.items()}
    order, cyclic = _innermost_first(own)
    whole: dict[str, _Part] = {}
    for name in order:
        whole[name] = _with_fragments(own[name], whole)
    parts = [_with_fragments(_own(node), whole) for node in operations]
    written_out = sum(part.selections for part in parts)
    parts += whole.values()
    written_out = max(written_out, *(part.selections for part in parts), 0)
    _check_size(document, len(operations), written_out, limits)
    _check_parts(parts, limits)
    return Measures(
        depth=max((part.depth for part in parts), default=0),
        aliases=max((part.aliases for part in parts), default=0),
        root_fields=max((part.root_fields for part in parts), default=0),
        directives=max((part.directives for part in parts), default=0),
        input_depth=max((part.input_depth for part in parts), default=0),
        merge_pairs=0 if cyclic else _count_pairs(operations, fragments, limits.merge_pairs),
        introspects=any(part.introspects for part in parts),
        cyclic=cyclic,
    )


def _own(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Part:
    part = _Part()
    part.count_directives(definition)
    for variable in definition.variable_definitions or ():
        part.count_directives(variable)
        part.count_value(variable.default_value)
    stack = [(definition.selection_set, 0)]
    while stack:
        selection_set, above = stack.pop()
        part.selections += len(selection_set.selections)
        for selection in selection_set.selections:
            part.count_directives(selection)
            if isinstance(selection, FieldNode):
                for argument in selection.arguments or ():
                    part.count_value(argument.value)
                part.depth = max(part.depth, above + 1)
                part.aliases += selection.alias is not None
                part.root_fields += above == 0
                part.introspects = part.introspects or selection.name.value in _META_FIELDS
                if selection.selection_set:
                    stack.append((selection.selection_set, above + 1))
            elif isinstance(selection, InlineFragmentNode):
                stack.append((selection.selection_set, above))
            elif isinstance(selection, FragmentSpreadNode):
                part.spreads.append((selection.name.value, above))
    return part


def _inner_values(value: Any) -> Iterable[Any]:
    if isinstance(value, ListValueNode):
        return value.values or (None,)
    if isinstance(value, ObjectValueNode):
        return [one.value for one in value.fields] or (None,)
    return ()


def _with_fragments(part: _Part, whole: dict[str, _Part]) -> _Part:
    """Return *part* with the fragments it spreads counted in; *whole* holds those that are known."""
    total = _Part(part.depth, part.aliases, part.root_fields, part.directives, part.input_depth)
    total.selections, total.introspects = part.selections, part.introspects
    for name, above in part.spreads:
        inner = whole.get(name)
        if inner is not None:
            total.depth = max(total.depth, above + inner.depth)
            total.aliases += inner.aliases
            total.selections += inner.selections
            total.root_fields += inner.root_fields if above == 0 else 0
            total.introspects = total.introspects or inner.introspects
    return total


def _innermost_first(own: dict[str, _Part]) -> tuple[list[str], bool]:
    """Return fragment names so that each follows the ones it spreads, and whether there is a circle."""
    order: list[str] = []
    done: set[str] = set()
    cyclic = False
    for root, part in own.items():
        if root in done:
            continue
        open_names = {root}
        path = [(root, iter(part.spreads))]
        while path:
            name, spreads = path[-1]
            for inner, _ in spreads:
                if inner in open_names:
                    cyclic = True
                elif inner in own and inner not in done:
                    open_names.add(inner)
                    path.append((inner, iter(own[inner].spreads)))
                    break
            else:
                path.pop()
                open_names.discard(name)
                done.add(name)
                order.append(name)
    return order, cyclic


def _check_parts(parts: Iterable[_Part], limits: DocumentLimits) -> None:
    for part in parts:
        for limit, count, allowed in (
            ("depth", part.depth, limits.depth),
            ("aliases", part.aliases, limits.aliases),
            ("root_fields", part.root_fields, limits.root_fields),
            ("directives_per_field", part.directives, limits.directives_per_field),
            ("input_depth", part.input_depth, limits.input_depth),
        ):
            if count > allowed:
                raise LimitExceeded(limit, allowed)


def _check_size(document: DocumentNode, operations: int, selections: int, limits: DocumentLimits) -> None:
    """Bound what walks fragments once for each use, and what walks all of them once for each operation."""
    walks = operations * (document.token_count or 0) if operations > 1 else 0
    if selections > limits.merge_pairs or walks > limits.merge_pairs * _VISITS_PER_PAIR:
        raise LimitExceeded("merge_pairs", limits.merge_pairs)


def _count_pairs(
    operations: list[OperationDefinitionNode], fragments: dict[str, FragmentDefinitionNode], allowed: int
) -> int:
    """Return an upper bound of the comparisons that merging fields takes, at most *allowed*.

    Fields meet when their response names agree all the way up, fragments being part of whatever spreads them. Each
    two that meet are compared once, and each two selection sets that meet are looked at once.

    Raises:
        LimitExceeded: The bound, or the number of fields when fragments are written out, is over *allowed*.
    """
    spread: set[str] = set()
    pairs = 0
    steps = 0
    unused = list(fragments.values())
    stack: list[list[SelectionSetNode]] = [[operation.selection_set] for operation in operations]
    while stack or unused:
        if not stack:
            fragment = unused.pop()
            if fragment.name.value not in spread:
                stack.append([fragment.selection_set])
            continue
        counts, below, collections, visited = _merge(stack.pop(), fragments, spread, allowed - steps)
        steps += visited
        pairs += sum(count * (count - 1) // 2 for count in counts.values() if count > 1)
        pairs += collections * (collections - 1) // 2
        if pairs > allowed or steps > allowed:
            raise LimitExceeded("merge_pairs", allowed)
        stack.extend(below.values())
    return pairs


def _merge(
    level: list[SelectionSetNode],
    fragments: dict[str, FragmentDefinitionNode],
    spread: set[str],
    budget: int,
) -> tuple[dict[str, int], dict[str, list[SelectionSetNode]], int, int]:
    """Return how often each response name stands on *level*, what is below each, and how much was looked at."""
    counts: dict[str, int] = {}
    below: dict[str, list[SelectionSetNode]] = {}
    here: set[str] = set()
    collections = len(level)
    visited = 0
    todo = list(level)
    while todo and visited <= budget:
        selections = todo.pop().selections
        visited += len(selections) + 1
        for selection in selections:
            if isinstance(selection, FieldNode):
                name = (selection.alias or selection.name).value
                counts[name] = counts.get(name, 0) + 1
                if selection.selection_set:
                    below.setdefault(name, []).append(selection.selection_set)
            elif isinstance(selection, InlineFragmentNode):
                todo.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in here and name in fragments:
                    here.add(name)
                    spread.add(name)
                    collections += 1
                    todo.append(fragments[name].selection_set)
    return counts, below, collections, visited
