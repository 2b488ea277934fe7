"""Writes a plan as Python source: one function for each object type at each position, one for each resolver."""

from collections.abc import Iterator
from keyword import iskeyword
from typing import Any

from graphql import GraphQLEnumType

from bff.execution.compiler.plan import FieldPlan, ObjectPlan, Source
from bff.execution.compiler.projection import Leaf, Projection
from bff.execution.compiler.values import INLINE, PlainTypes, enum_names, quick_leaf, quick_list

HEAD = "INF = float('inf')"


class Emitter:
    """Writes the functions of a program.

    Attributes:
        names: What the source refers to.
        quick: Functions that coerce a plain value of a leaf field, by the field's number.
    """

    def __init__(self, plain: PlainTypes) -> None:
        self._plain = plain
        self._enums: dict[tuple[GraphQLEnumType, bool], dict[Any, str | None]] = {}
        self.names: dict[str, Any] = {}
        self.quick: dict[int, Any] = {}
        self._root: int | None = None
        self._lines: list[str] = [HEAD]

    def source(self) -> str:
        """Return all that was written so far."""
        return "\n".join(self._lines) + "\n"

    def root(self, plan: ObjectPlan) -> None:
        """Write *plan*, of which there is one object, and everything below it."""
        self._root = plan.number
        self.tree(plan)

    def tree(self, plan: ObjectPlan) -> None:
        """Write *plan* and everything below it."""
        waiting = [plan]
        while waiting:
            one = waiting.pop()
            self._object(one)
            for field in one.fields:
                waiting += field.objects.values()

    def serial(self, plan: ObjectPlan) -> None:
        """Write *plan* so that its fields are resolved by separate steps, and everything below it."""
        for field in plan.fields:
            self._register(field)
            self._lines += self._step(field)
            for below in field.objects.values():
                self.tree(below)

    def _register(self, field: FieldPlan) -> None:
        self.names[f"plan_{field.number}"] = field
        if field.leaf is not None:
            self._register_leaf(field)

    def _register_leaf(self, field: FieldPlan) -> None:
        leaf = field.leaf
        assert leaf is not None, "only called for leaves"
        quick = quick_leaf(leaf, self._plain, nonnull=field.nonnull[-1])
        inline = INLINE.get(leaf, "")
        as_is = {"str": str, "bool": bool}.get(inline.rpartition(" ")[2]) if inline else None
        for nonnull in reversed(field.nonnull[:-1]):
            quick = quick_list(quick, as_is, nonnull=nonnull)
            as_is = None
        self.names[f"leaf_{field.number}"] = self.quick[field.number] = quick
        if isinstance(leaf, GraphQLEnumType) and field.depth == 0:
            names = self._enums.get((leaf, field.nonnull[0]))
            if names is None:
                names = self._enums[leaf, field.nonnull[0]] = enum_names(leaf, nonnull=field.nonnull[0])
            self.names[f"names_{field.number}"] = names

    def _object(self, plan: ObjectPlan) -> None:
        for field in plan.fields:
            self._register(field)
        body = [*self._rows(plan), *(self._call(field) for field in plan.fields if not is_quick(field))]
        self._lines += [
            f"def object_{plan.number}(run, wave):  # {plan.type.name}",
            *(f"    {line}" for line in body),
        ]

    def _rows(self, plan: ObjectPlan) -> Iterator[str]:
        leaves = [field for field in plan.fields if is_quick(field) and field.source is not Source.TYPENAME]
        row = _display(plan, {field.number for field in leaves})
        if not leaves:
            one = plan.number == self._root
            yield f"wave.rows.append({row})" if one else f"wave.rows += [{row} for _ in wave.sources]"
            return
        projection = self._projection(plan, leaves)
        self._loop(f"rows_{plan.number}", leaves, row, mapping=False)
        if all(field.source is Source.ATTRIBUTE for field in leaves):
            yield f"fill(run, wave, rows_{plan.number}, {projection})"
        else:
            self._loop(f"dicts_{plan.number}", leaves, row, mapping=True)
            yield f"fill_either(run, wave, rows_{plan.number}, dicts_{plan.number}, {projection})"

    def _projection(self, plan: ObjectPlan, read: list[FieldPlan]) -> str:
        """Register what makes many rows in one go, and return its name; it can where leaves come first."""
        rest = plan.fields[len(read) :]
        leaves = [Leaf(field.key, field.name, field.leaf, field.nonnull[0]) for field in read if field.leaf]
        if (
            [*read, *rest] != list(plan.fields)
            or any(field.depth for field in read)
            or not Projection.takes(leaves)
        ):
            return "None"
        constants = [(one.key, plan.type.name if one.source is Source.TYPENAME else None) for one in rest]
        self.names[f"projection_{plan.number}"] = Projection(leaves, constants)
        return f"projection_{plan.number}"

    def _loop(self, name: str, leaves: list[FieldPlan], row: str, *, mapping: bool) -> None:
        checks = " and ".join(self._check(field, mapping=mapping) for field in leaves)
        self._lines += [
            f"def {name}(run, wave, sources, add):",
            "    for s in sources:",
            f"        add({row} if {checks} else row_of(run, wave, s))",
        ]

    def _check(self, field: FieldPlan, *, mapping: bool) -> str:
        name, read = f"a{field.number}", _read(field, mapping=mapping)
        if f"names_{field.number}" in self.names:
            return f"({name} := names_{field.number}.get({read}, BAD)) is not BAD"
        inline = INLINE.get(field.leaf) if field.leaf is not None and field.depth == 0 else None
        if inline is None:
            return f"({name} := leaf_{field.number}({read})) is not BAD"
        first = inline.replace("{0}", f"{name} := {read}", 1).format(name)
        null = "" if field.nonnull[0] else f"{name} is None or "
        return f"({first} or {null}({name} := leaf_{field.number}({name})) is not BAD)"

    def _call(self, field: FieldPlan) -> str:
        plan = f"plan_{field.number}"
        if field.source is Source.BATCH:
            return f"batch(run, wave, {plan})"
        if field.source is Source.DENIED:
            return f"deny(run, wave, {plan})"
        if field.direct is not None:
            call = "ask_batch" if field.direct.batched else "ask" if field.direct.asks else "call"
            return f"{call}(run, wave, {plan})"
        if field.source is not Source.RESOLVER:
            return f"read_field(run, wave, {plan})"
        self.names[f"resolve_{field.number}"] = field.definition.resolve
        name = f"{field.parent_type.name}.{field.nodes[0].name.value}"
        self._lines += [
            f"def field_{field.number}(resolve, s, info, args):  # {name}",
            "    return resolve(s, info, **args)",
        ]
        return f"each(run, wave, {plan}, resolve_{field.number}, field_{field.number})"

    def _step(self, field: FieldPlan) -> list[str]:
        call = self._call(field)
        return [f"def step_{field.number}(run, wave):", f"    {call}"]


def is_quick(field: FieldPlan) -> bool:
    """Tell whether *field* is a leaf that is read from its parent."""
    return field.source is Source.TYPENAME or (
        field.leaf is not None and field.source in {Source.ATTRIBUTE, Source.MEMBER}
    )


def _display(plan: ObjectPlan, read: set[int]) -> str:
    members = []
    for field in plan.fields:
        if field.source is Source.TYPENAME:
            members.append(f"{field.key!r}: {plan.type.name!r}")
        else:
            members.append(f"{field.key!r}: {f'a{field.number}' if field.number in read else 'None'}")
    return "{" + ", ".join(members) + "}"


def _read(field: FieldPlan, *, mapping: bool) -> str:
    if mapping and field.source is Source.MEMBER:
        return f"s[{field.name!r}]" if field.nonnull[0] else f"s.get({field.name!r})"
    if iskeyword(field.name) or not field.name.isidentifier():
        return f"getattr(s, {field.name!r})"
    return f"s.{field.name}"
