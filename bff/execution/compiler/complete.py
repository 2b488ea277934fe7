"""Turns what resolvers returned into results: lists taken apart, leaves coerced, objects made into waves.

Each step first tries the common case for all values at once; what is unusual is looked at value by value.
"""

from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from itertools import accumulate, chain, repeat
from operator import is_, setitem
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from graphql import GraphQLError
from graphql.execution import Executor
from graphql.pyutils import Undefined, is_iterable

from bff.execution.compiler.abstract import all_are, find_types, is_of_type
from bff.execution.compiler.failures import put
from bff.execution.compiler.plan import FieldPlan, Shape
from bff.execution.compiler.runtime import Wave
from bff.execution.compiler.values import BAD
from bff.execution.compiler.waiting import Waiting

if TYPE_CHECKING:
    from bff.execution.compiler.runtime import Place, Run


NONE = type(None)
LISTS = {list, tuple}
COROUTINES = {CoroutineType}


def complete(run: "Run", wave: Wave, field: FieldPlan, numbers: list[int] | None, values: list[Any]) -> None:
    """Complete *values*, one for each of the parents *numbers* (all of them when None)."""
    kinds = set(map(type, values))
    if kinds == COROUTINES and run.terms.is_awaitable(values[0]):
        _wait_for_each(run, wave, field, numbers, values)
        return
    if NONE in kinds and not field.nonnull[0]:
        kinds.discard(NONE)
        if not kinds:
            return
        numbers, values = _present(numbers, values)
    if _AT_ONCE[field.shape](run, wave, field, numbers, values, kinds):
        return
    places: list[Place] = [(number, ()) for number in (numbers if numbers is not None else range(len(values)))]
    cells(run, wave, field, places, values)


def _wait_for_each(run: "Run", wave: Wave, field: FieldPlan, numbers: list[int] | None, values: list[Any]) -> None:
    add = run.work.add
    for number, value in zip(range(len(values)) if numbers is None else numbers, values, strict=True):
        place: Place = (number, ())
        add(Waiting(value, wave, field, (place,), resumed))


def _store(wave: Wave, field: FieldPlan, numbers: list[int] | None, values: Iterable[Any]) -> None:
    """Put *values*, which need nothing more, into the rows."""
    rows = wave.rows if numbers is None else map(wave.rows.__getitem__, numbers)
    any(map(setitem, rows, repeat(field.key), values))  # `setitem` returns None, so it goes to the end


def _present(numbers: list[int] | None, values: list[Any]) -> tuple[list[int], list[Any]]:
    there = [
        (number, value)
        for number, value in zip(numbers if numbers is not None else range(len(values)), values, strict=True)
        if value is not None
    ]
    return [number for number, _ in there], [value for _, value in there]


def _leaf_column(  # noqa: PLR0917 - by position, as it is called for every wave
    run: "Run", wave: Wave, field: FieldPlan, numbers: list[int] | None, values: list[Any], kinds: set[type]
) -> bool:
    if not kinds <= field.as_is:
        values = list(map(run.program.quick[field.number], values))
        if any(map(is_, values, repeat(BAD))):
            return False
    _store(wave, field, numbers, values)
    return True


def _objects(  # noqa: PLR0917 - ditto
    run: "Run", wave: Wave, field: FieldPlan, numbers: list[int] | None, values: list[Any], kinds: set[type]
) -> bool:
    plan, program = field.object, run.program
    assert plan is not None, "only called for objects"
    if NONE in kinds or not program.plain.all(kinds):
        return False
    if plan.type.is_type_of is not None:
        asked = numbers if numbers is not None else list(range(len(values)))
        if not all_are(run, wave, field, plan, asked, values):
            return False
    child = Wave(plan, values, wave, field, numbers, None, kinds)
    program.objects[plan.number](run, child)
    _store(wave, field, numbers, child.rows)
    return True


def _list_of_objects(  # noqa: PLR0917 - ditto
    run: "Run", wave: Wave, field: FieldPlan, numbers: list[int] | None, values: list[Any], kinds: set[type]
) -> bool:
    plan, program = field.object, run.program
    assert plan is not None, "only called for objects"
    if not kinds <= LISTS:
        return False
    items = list(values[0]) if len(values) == 1 else list(chain.from_iterable(values))
    of_items = set(map(type, items))
    if NONE in of_items or not program.plain.all(of_items):
        return False
    lengths = list(map(len, values))
    if plan.type.is_type_of is not None:
        parents = numbers if numbers is not None else range(len(values))
        asked = [number for number, length in zip(parents, lengths, strict=True) for _ in range(length)]
        if not all_are(run, wave, field, plan, asked, items):
            return False
    child = Wave(plan, items, wave, field, numbers, lengths, of_items)
    if items:
        program.objects[plan.number](run, child)
    if len(values) == 1:
        wave.rows[numbers[0] if numbers is not None else 0][field.key] = child.rows
        return True
    ends = list(accumulate(lengths))
    kids = map(child.rows.__getitem__, map(slice, [0, *ends], ends))
    _store(wave, field, numbers, kids)
    return True


def _not_at_once(*_: Any) -> bool:
    return False


_AT_ONCE: Final[dict[Shape, Callable[..., bool]]] = {
    "leaf": _leaf_column,
    "object": _objects,
    "objects": _list_of_objects,
    "other": _not_at_once,
}
"""Completes all values of a field, or tells that they have to be looked at one by one."""


def cells(run: "Run", wave: Wave, field: FieldPlan, places: "list[Place]", values: Sequence[Any]) -> None:
    """Complete *values* of any kind at *places*, all on the same level of lists."""
    level = len(places[0][1]) if places else 0
    plain, is_awaitable = run.program.plain, run.terms.is_awaitable
    found: list[Place] = []
    present: list[Any] = []
    for place, value in zip(places, values, strict=True):
        if isinstance(value, Exception):
            run.fail(wave, field, place, value)
        elif not plain[type(value)] and is_awaitable(value):
            run.wait(value, wave, field, [place], resumed, level)
        elif value is not None and value is not Undefined:
            found.append(place)
            present.append(value)
        elif field.nonnull[level]:
            run.fail(wave, field, place, _null(field))
    if found:
        step = _lists if level < field.depth else _INNERMOST[field.leaf is None, field.abstract is None]
        step(run, wave, field, found, present)


def resumed(run: "Run", wave: Wave, field: FieldPlan, group: list[Waiting]) -> None:
    """Go on with values that were waited for."""
    if run.failures.nulls:
        alive = run.failures.alive
        group = [one for one in group if alive(wave, one.place, field)]
        if not group:
            return
    values = [one.value if one.error is None else one.error for one in group]
    if group[0].level:
        cells(run, wave, field, [one.place for one in group], values)
    elif len(wave.rows) == 1:
        complete(run, wave, field, None, values)
    else:
        numbers = [one.place[0] for one in group]
        complete(run, wave, field, None if numbers == list(range(len(wave.rows))) else numbers, values)


def _null(field: FieldPlan) -> TypeError:
    return TypeError(f"Cannot return null for non-nullable field {field.parent_type}.{field.nodes[0].name.value}.")


def _concrete(run: "Run", wave: Wave, field: FieldPlan, places: "list[Place]", values: list[Any]) -> None:
    assert field.object is not None, "only called for objects"
    is_of_type(run, wave, field, field.object, places, values)


def _lists(run: "Run", wave: Wave, field: FieldPlan, places: "list[Place]", values: list[Any]) -> None:
    inner_places: list[Place] = []
    inner: list[Any] = []
    for place, value in zip(places, values, strict=True):
        if not run.program.plain[type(value)] and run.terms.is_async_iterable(value):
            run.wait(_collect(value), wave, field, [place], _collected, len(place[1]))
            continue
        items = _items(run, wave, field, place, value)
        if items is not None:
            number, indexes = place
            put(wave.rows[number], field, indexes, [None] * len(items))
            inner_places += [(number, (*indexes, index)) for index in range(len(items))]
            inner += items
    if inner:
        cells(run, wave, field, inner_places, inner)


def _items(run: "Run", wave: Wave, field: FieldPlan, place: "Place", value: Any) -> list[Any] | None:
    if not is_iterable(value):
        name = f"{field.parent_type}.{field.nodes[0].name.value}"
        run.fail(wave, field, place, GraphQLError(f"Expected Iterable, but did not find one for field '{name}'."))
        return None
    items: list[Any] = []
    try:
        for item in value:
            items.append(item)  # noqa: PERF402 - what came before an exception counts
    except Exception as error:  # noqa: BLE001 - it belongs to the field
        run.fail(wave, field, place, error, late=len(items))
    return items


async def _collect(value: AsyncIterable[Any]) -> tuple[list[Any], Exception | None]:
    items: list[Any] = []
    iterator = aiter(value)
    try:
        async for item in iterator:
            items.append(item)  # noqa: PERF401 - what came before an exception counts
    except Exception as error:  # noqa: BLE001 - it belongs to the field
        return items, error
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()
    return items, None


def _collected(run: "Run", wave: Wave, field: FieldPlan, group: list[Waiting]) -> None:
    for one in group:
        if one.error is not None:
            run.fail(wave, field, one.place, one.error)
            continue
        items, error = one.value
        if error is not None:
            run.fail(wave, field, one.place, error, late=len(items))
        if run.failures.alive(wave, one.place, field):
            _lists(run, wave, field, [one.place], [items])


def _leaves(run: "Run", wave: Wave, field: FieldPlan, places: "list[Place]", values: list[Any]) -> None:
    leaf = field.leaf
    assert leaf is not None, "only called for leaves"
    for place, value in zip(places, values, strict=True):
        try:
            coerced = Executor.complete_leaf_value(leaf, value)
        except Exception as error:  # noqa: BLE001 - it belongs to the field
            run.fail(wave, field, place, error)
        else:
            put(wave.rows[place[0]], field, place[1], coerced)


_INNERMOST: dict[tuple[bool, bool], Callable[..., None]] = {
    (False, True): _leaves,
    (True, False): find_types,
    (True, True): _concrete,
}
"""Completes the innermost values of a field, by whether it is no leaf and not abstract."""
