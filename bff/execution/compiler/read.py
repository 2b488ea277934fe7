"""Reads fields from their parents one by one, as the default resolver does."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bff.execution.compiler.complete import cells, complete
from bff.execution.compiler.plan import FieldPlan, Source

if TYPE_CHECKING:
    from bff.execution.compiler.runtime import Run, Wave


def mappings(sources: list[Any]) -> bool | None:
    """Tell whether *sources* are all dicts (True), no mapping at all (False), or something else (None)."""
    kinds = set(map(type, sources))
    if kinds == {dict}:
        return True
    return None if any(issubclass(kind, Mapping) for kind in kinds) else False


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
    if not run.plain[type(value)] and callable(value):
        return value(run.info(field, wave, number))
    return value


def read_field(run: "Run", wave: "Wave", field: FieldPlan) -> None:
    """Read *field* from all parents and complete it."""
    numbers = wave.begun(field)
    values: list[Any] = []
    if field.source is Source.ATTRIBUTE and numbers is None:
        try:
            name = field.name
            values = [getattr(source, name) for source in wave.sources]
        except Exception:  # noqa: BLE001 - it is raised again for the parent that it belongs to
            values = []
    if not values:
        for number in numbers if numbers is not None else range(len(wave.sources)):
            try:
                values.append(read(run, wave, field, number, wave.sources[number]))
            except Exception as error:  # noqa: BLE001 - it belongs to the field
                values.append(error)
    complete(run, wave, field, numbers, values)


def row_of(run: "Run", wave: "Wave", source: Any) -> dict[str, Any]:
    """Return the result of the next object of *wave*, its leaves looked at one by one."""
    number = len(wave.rows)
    row: dict[str, Any] = {field.key: None for field in wave.plan.fields}
    wave.rows.append(row)
    for field in wave.plan.fields:
        if wave.cut.get(number, field.index) < field.index:
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


def arguments(run: "Run", wave: "Wave", field: FieldPlan, numbers: list[int] | None) -> dict[str, Any] | None:
    """Return the arguments of *field*; None, its values having failed, where they do not fit."""
    try:
        return run.arguments(field)
    except Exception as error:  # noqa: BLE001 - it belongs to the field
        for number in numbers if numbers is not None else range(len(wave.sources)):
            run.fail(wave, field, (number, ()), error)
        return None
