"""Fields resolved with one call for all parents of a wave."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from graphql.pyutils import Path

from bff.execution.compiler.complete import complete
from bff.execution.compiler.plan import FieldPlan
from bff.execution.compiler.runtime import Position, Wave
from bff.execution.compiler.waiting import Waiting

if TYPE_CHECKING:
    from bff.execution.compiler.runtime import Run


def resolve_batch(run: "Run", wave: Wave, field: FieldPlan) -> None:
    """Resolve *field* for all parents with one call."""
    numbers = wave.begun(field)
    sources = wave.sources if numbers is None else [wave.sources[number] for number in numbers]
    if not sources:
        return
    assert field.batch is not None, "only called for batches"

    def path_of(place: int) -> Path:
        number = place if numbers is None else numbers[place]
        return Path(wave.path(number), field.key, field.parent_type.name)

    first = 0 if numbers is None else numbers[0]
    try:
        arguments = dict(run.arguments(field))
        awaitable = field.batch(list(sources), run.info(field, wave, first), arguments, path_of)
    except Exception as error:  # noqa: BLE001 - it belongs to the field
        complete(run, wave, field, numbers, [error] * len(sources))
        return
    run.wait(awaitable, wave, field, numbers if numbers is not None else range(len(sources)), _batch_came)


def ask_batch(run: "Run", wave: Wave, field: FieldPlan) -> None:
    """Call the function behind the resolver of *field* once for all parents."""
    direct, sources = field.direct, wave.sources
    assert direct is not None, "only called for such fields"
    numbers = wave.begun(field) if wave.cut is not None else None
    if numbers is not None:
        if not numbers:
            return
        sources = [sources[number] for number in numbers]
    position = Position(run, wave, field, 0 if numbers is None else numbers[0], numbers)
    try:
        awaitable = direct.call(list(sources), position)
    except Exception as error:  # noqa: BLE001 - it belongs to the field
        complete(run, wave, field, numbers, [error] * len(sources))
        return
    run.wait(awaitable, wave, field, range(len(sources)) if numbers is None else numbers, _batch_came)


def _batch_came(run: "Run", wave: Wave, field: FieldPlan, group: list[Waiting]) -> None:
    for one in group:
        values = _values_of(one, field)
        numbers = cast("Sequence[int]", one.places)
        if run.failures.nulls:
            kept = [i for i, number in enumerate(numbers) if run.failures.alive(wave, (number, ()))]
            numbers, values = [numbers[i] for i in kept], [values[i] for i in kept]
        if values:
            complete(run, wave, field, None if len(numbers) == len(wave.rows) else list(numbers), values)


def _values_of(one: Waiting, field: FieldPlan) -> list[Any]:
    if one.error is not None:
        return [one.error] * len(one.places)
    values = one.value
    listed = type(values) is list or (isinstance(values, Sequence) and not isinstance(values, (str, bytes)))
    if listed and len(values) == len(one.places):
        return list(values)
    name = f"{field.parent_type}.{field.nodes[0].name.value}"
    wrong = TypeError(f"The batch resolver of {name} must return one value for each of {len(one.places)} parents.")
    return [wrong] * len(one.places)
