"""Writes a plan as Python source: one function for each object type at each position, one for each resolver."""

from collections.abc import Iterator
from keyword import iskeyword
from typing import Any

from graphql import GraphQLEnumType

from bff.execution.compiler.plan import FieldPlan, ObjectPlan, Source
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
        self._enums: dict[GraphQLEnumType, dict[Any, str]] = {}
        self.names: dict[str, Any] = {}
        self.quick: dict[int, Any] = {}
        self._lines: list[str] = [HEAD]

    def source(self) -> str:
        """Return all that was written so far."""
        return "\n".join(self._lines) + "\n"

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
            names = self._enums.get(leaf)
            if names is None:
                names = self._enums[leaf] = enum_names(leaf)
            self.names[f"names_{field.number}"] = names

    def _object(self, plan: ObjectPlan) -> None:
        for field in plan.fields:
            self._register(field)
        self._lines += ["", f"def object_{plan.number}(run, wave):", f"    # {plan.type.name}"]
        self._lines += self._rows(plan)
        steps = [field for field in plan.fields if not is_quick(field)]
        for field in steps:
            call = "batch" if field.source is Source.BATCH else f"field_{field.number}"
            last = f", plan_{field.number}" if field.source is Source.BATCH else ""
            self._lines.append(f"    {call}(run, wave{last})")
        for field in steps:
            if field.source is not Source.BATCH:
                self._lines += self._step(field)

    def _rows(self, plan: ObjectPlan) -> Iterator[str]:
        leaves = [field for field in plan.fields if is_quick(field) and field.source is not Source.TYPENAME]
        row = _display(plan, {field.number for field in leaves})
        if not leaves:
            yield f"    wave.rows += [{row} for _ in wave.sources]"
            return
        members = any(field.source is Source.MEMBER for field in leaves)
        yield "    rows = wave.rows; add = rows.append; sources = iter(wave.sources)"
        if not members:
            yield from self._loop(plan, leaves, row, mapping=False, indent="    ")
            return
        yield "    mapping = mappings(wave.sources)"
        yield "    if mapping is None:"
        yield "        for s in sources: add(row_of(run, wave, s))"
        yield "    elif mapping:"
        yield from self._loop(plan, leaves, row, mapping=True, indent="        ")
        yield "    else:"
        yield from self._loop(plan, leaves, row, mapping=False, indent="        ")

    def _loop(
        self, plan: ObjectPlan, leaves: list[FieldPlan], row: str, *, mapping: bool, indent: str
    ) -> Iterator[str]:
        reads = "; ".join(f"a{field.number} = {_read(field, mapping=mapping)}" for field in leaves)
        checks = " and ".join(self._check(field) for field in leaves)
        body = (
            "while True:",
            "    try:",
            "        for s in sources:",
            f"            {reads}",
            f"            if {checks}:",
            f"                add({row})",
            "            else:",
            "                add(row_of(run, wave, s))",
            "        break",
            "    except Exception:",
            "        add(row_of(run, wave, s))",
        )
        yield from (indent + line for line in body)

    def _check(self, field: FieldPlan) -> str:
        name = f"a{field.number}"
        inline = INLINE.get(field.leaf) if field.leaf is not None and field.depth == 0 else None
        null = "" if field.nonnull[0] else f"{name} is None or "
        slow = f"({name} := leaf_{field.number}({name})) is not BAD"
        if inline is not None:
            return f"({inline.format(name)} or {null}{slow})"
        if f"names_{field.number}" in self.names:
            return f"({null}({name} := names_{field.number}.get({name}, BAD)) is not BAD)"
        return f"({slow})"

    def _step(self, field: FieldPlan) -> list[str]:
        number = field.number
        head = ["", f"def field_{number}(run, wave):", f"    # {field.parent_type.name}.{field.nodes[0].name.value}"]
        plan = f"plan_{number}"
        if field.source is Source.BATCH:
            return [*head, f"    batch(run, wave, {plan})"]
        if field.source is not Source.RESOLVER:
            return [*head, f"    read_field(run, wave, {plan})"]
        self.names[f"resolve_{number}"] = field.definition.resolve
        return [
            *head,
            f"    resolve = run.resolver(resolve_{number}); info = run.info; values = []",
            f"    numbers = wave.begun({plan})",
            f"    args = arguments(run, wave, {plan}, numbers)",
            "    if args is None: return",
            "    sources = wave.sources",
            "    for i in range(len(sources)) if numbers is None else numbers:",
            "        try:",
            f"            values.append(resolve(sources[i], info({plan}, wave, i), **args))",
            "        except Exception as error:",
            "            values.append(error)",
            "        except CancelledError:",
            "            values.append(run.work.cancelled())",
            f"    complete(run, wave, {plan}, numbers, values)",
        ]


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
