"""Reads fields from their parents one by one, as the default resolver does."""

from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

from bff.execution.compiler.complete import cells, complete, resumed
from bff.execution.compiler.plan import FieldPlan, Source
from bff.execution.compiler.projection import FEWEST, Projection
from bff.execution.compiler.runtime import Place, Position
from bff.execution.compiler.waiting import Waiting

if TYPE_CHECKING:
    from bff.execution.compiler.runtime import Run, Wave


DICTS = {dict}


def mappings(run: "Run", wave: "Wave") -> bool | None:
    """Tell whether the objects of *wave* are all dicts (True), no mappings at all (False), or neither (None)."""
    if wave.mapping is Ellipsis:
        kinds = wave.kinds if wave.kinds is not None else set(map(type, wave.sources))
        if kinds == DICTS:
            wave.mapping = True
        else:
            wave.mapping = False if run.program.object_types.all(kinds) else None
    return cast("bool | None", wave.mapping)


def fill(run: "Run", wave: "Wave", loop: Callable[..., None], projection: Projection | None) -> None:
    """Make the rows of *wave*: by *projection*, else with *loop*, by `row_of` where that stumbles."""
    if projection is not None and len(wave.sources) >= FEWEST:
        kinds = wave.kinds if wave.kinds is not None else set(map(type, wave.sources))
        found = projection.rows(wave.sources, kinds)
        if found is not None:
            wave.rows = found
            return
    sources, rows = iter(wave.sources), wave.rows
    add = rows.append
    while True:
        try:
            loop(run, wave, sources, add)
        except Exception:  # noqa: BLE001 - it is raised again for the field that it belongs to
            add(row_of(run, wave, wave.sources[len(rows)]))
        else:
            return


def fill_either(
    run: "Run",
    wave: "Wave",
    of_objects: Callable[..., None],
    of_dicts: Callable[..., None],
    projection: Projection | None,
) -> None:
    """Make the rows of *wave* with the loop that fits its objects."""
    mapping = mappings(run, wave)
    if mapping is None:
        for source in wave.sources:
            wave.rows.append(row_of(run, wave, source))
    else:
        fill(run, wave, of_dicts if mapping else of_objects, projection)


def read(run: "Run", wave: "Wave", field: FieldPlan, number: int, source: Any) -> Any:
    """Return the value of *field* for object *number*.

    Raises:
        Exception: What the object raised.
    """
    if field.source is Source.TYPENAME:
        return field.parent_type.name
    if field.source is Source.ATTRIBUTE:
        return getattr(source, field.name)
    value = source.get(field.name) if isinstance(source, Mapping) else getattr(source, field.name, None)
    if not run.program.plain[type(value)] and callable(value):
        return value(run.info(field, wave, number))
    return value


def read_field(run: "Run", wave: "Wave", field: FieldPlan) -> None:
    """Read *field* from all parents and complete it."""
    numbers = wave.begun(field)
    values = None if numbers is not None else _read_all(run, wave, field)
    if values is None:
        values = []
        for number in numbers if numbers is not None else range(len(wave.sources)):
            try:
                values.append(read(run, wave, field, number, wave.sources[number]))
            except Exception as error:  # noqa: BLE001 - it belongs to the field
                values.append(error)
    complete(run, wave, field, numbers, values)


def deny(run: "Run", wave: "Wave", field: FieldPlan) -> None:
    """Fail *field* for all parents, without asking anybody."""
    numbers = wave.begun(field)
    error = run.denied[field.parent_type.name, field.name]
    for number in range(len(wave.sources)) if numbers is None else numbers:
        run.fail(wave, field, (number, ()), error)


def _read_all(run: "Run", wave: "Wave", field: FieldPlan) -> list[Any] | None:
    name = field.name
    if field.source is Source.TYPENAME:
        return [field.parent_type.name] * len(wave.sources)
    try:
        if field.source is Source.ATTRIBUTE:
            return [getattr(source, name) for source in wave.sources]
        mapping = mappings(run, wave)
        if mapping is None:
            return None
        if mapping:
            values = [source.get(name) for source in wave.sources]
        else:
            values = [getattr(source, name, None) for source in wave.sources]
    except Exception:  # noqa: BLE001 - it is raised again for the parent that it belongs to
        return None
    return values if run.program.plain.all(set(map(type, values))) else None


def resolve_each(
    run: "Run", wave: "Wave", field: FieldPlan, resolve: Callable[..., Any] | None, call: Callable[..., Any]
) -> None:
    """Call the resolver of *field* for each parent and complete what it returns."""
    numbers = wave.begun(field)
    indexes = range(len(wave.sources)) if numbers is None else numbers
    try:
        arguments = run.arguments(field)
    except Exception as error:  # noqa: BLE001 - it belongs to the field
        for number in indexes:
            run.fail(wave, field, (number, ()), error)
        return
    resolver, sources = run.terms.resolver(resolve), wave.sources
    values: list[Any] = []
    for number, info in zip(indexes, run.infos(field, wave, indexes), strict=True):
        try:
            values.append(call(resolver, sources[number], info, arguments))
        except Exception as error:  # noqa: BLE001 - it belongs to the field
            values.append(error)
        except CancelledError:
            values.append(run.work.cancelled())
    complete(run, wave, field, numbers, values)


def call_each(run: "Run", wave: "Wave", field: FieldPlan) -> None:
    """Call the function behind the resolver of *field* with each parent, and complete what it returns."""
    assert field.direct is not None, "only called for such fields"
    call, sources = field.direct.call, wave.sources
    numbers = wave.begun(field) if wave.cut is not None else None
    values: list[Any] = []
    for number in range(len(sources)) if numbers is None else numbers:
        try:
            values.append(call(sources[number]))
        except Exception as error:  # noqa: BLE001 - it belongs to the field
            values.append(error)
        except CancelledError:
            values.append(run.work.cancelled())
    if len(values) == 1 and type(values[0]) in field.as_is:  # most such fields are of the root
        wave.rows[numbers[0] if numbers is not None else 0][field.key] = values[0]
    else:
        complete(run, wave, field, numbers, values)


def ask_each(run: "Run", wave: "Wave", field: FieldPlan) -> None:
    """As `call_each`, for a function that takes a `Position`; what is a coroutine is waited for at once."""
    assert field.direct is not None, "only called for such fields"
    call, sources, add = field.direct.call, wave.sources, run.work.add
    numbers: Sequence[int] = range(len(sources)) if wave.cut is None else wave.begun(field) or ()
    there: list[int] = []
    values: list[Any] = []
    for number in numbers:
        try:
            value = call(sources[number], Position(run, wave, field, number))
        except Exception as error:  # noqa: BLE001 - it belongs to the field
            value = error
        except CancelledError:
            value = run.work.cancelled()
        if type(value) is CoroutineType:
            place: Place = (number, ())
            add(Waiting(value, wave, field, (place,), resumed))
        else:
            there.append(number)
            values.append(value)
    if values:
        complete(run, wave, field, there, values)


def row_of(run: "Run", wave: "Wave", source: Any) -> dict[str, Any]:
    """Return the result of the next object of *wave*, its leaves looked at one by one."""
    number = len(wave.rows)
    row: dict[str, Any] = {field.key: None for field in wave.plan.fields}
    wave.rows.append(row)
    for field in wave.plan.fields:
        if wave.cut is not None and wave.cut.get(number, field.index) < field.index:
            break
        if field.leaf is None or field.source not in {Source.ATTRIBUTE, Source.MEMBER, Source.TYPENAME}:
            continue
        try:
            value = read(run, wave, field, number, source)
        except Exception as error:  # noqa: BLE001 - it belongs to the field
            value = error
        cells(run, wave, field, [(number, ())], [value])
    wave.rows.pop()
    return row
