"""Interfaces, unions and `is_type_of`: which object type each value has."""

from typing import TYPE_CHECKING, Any, cast

from graphql import GraphQLObjectType
from graphql.execution import Executor
from graphql.execution.executor import invalid_return_type_error

from bff.execution.compiler.failures import put
from bff.execution.compiler.plan import FieldPlan, ObjectPlan
from bff.execution.compiler.waiting import close

if TYPE_CHECKING:
    from bff.execution.compiler.runtime import Place, Run, Wave
    from bff.execution.compiler.waiting import Waiting


def find_types(run: "Run", wave: "Wave", field: FieldPlan, places: "list[Place]", values: list[Any]) -> None:
    """Find the object type of each value, then go on by type."""
    abstract = field.abstract
    assert abstract is not None, "only called for abstract types"
    resolve = abstract.resolve_type or run.terms.type_resolver
    named: list[tuple[Place, Any, Any]] = []
    for place, value, info in zip(places, values, _infos(run, wave, field, places), strict=True):
        try:
            name = resolve(value, info, abstract)
        except Exception as error:  # noqa: BLE001 - it belongs to the field
            run.fail(wave, field, place, error)
            continue
        if run.terms.is_awaitable(name):
            _wait(run, name, wave, field, place, value, _named)
        else:
            named.append((place, value, name))
    _by_type(run, wave, field, named)


def is_of_type(  # noqa: PLR0917 - by position, as it is called for every wave
    run: "Run", wave: "Wave", field: FieldPlan, plan: ObjectPlan, places: "list[Place]", values: list[Any]
) -> None:
    """Ask `is_type_of` of the object type, where it has one, and make a wave of the values."""
    ask = plan.type.is_type_of
    if ask is None:
        _wave(run, wave, field, plan, places, values)
        return
    good: list[tuple[Place, Any]] = []
    for place, value, info in zip(places, values, _infos(run, wave, field, places), strict=True):
        try:
            answer = ask(value, info)
        except Exception as error:  # noqa: BLE001 - it belongs to the field
            run.fail(wave, field, place, error)
            continue
        if run.terms.is_awaitable(answer):
            _wait(run, answer, wave, field, place, (value, plan), _checked)
        elif answer:
            good.append((place, value))
        else:
            run.fail(wave, field, place, invalid_return_type_error(plan.type, value, field.details))
    _wave(run, wave, field, plan, [place for place, _ in good], [value for _, value in good])


def all_are(  # noqa: PLR0917 - by position, as it is called for every wave
    run: "Run", wave: "Wave", field: FieldPlan, plan: ObjectPlan, numbers: list[int], values: list[Any]
) -> bool:
    """Tell whether all *values*, one for each of the parents *numbers*, are at once known to be of *plan*'s type.

    Where they are not, they are asked again one by one.
    """
    ask = plan.type.is_type_of
    if ask is None:
        return True
    if plan.number in run.program.awaiting:
        return False
    distinct = list(dict.fromkeys(numbers))
    infos = dict(zip(distinct, run.infos(field, wave, distinct), strict=True))
    try:
        for number, value in zip(numbers, values, strict=True):
            answer: Any = ask(value, infos[number])
            if answer is not True:
                if run.terms.is_awaitable(answer):
                    run.program.awaiting.add(plan.number)
                    close(answer)
                return False
    except Exception:  # noqa: BLE001 - it is raised again for the value that it belongs to
        return False
    return True


def _infos(run: "Run", wave: "Wave", field: FieldPlan, places: "list[Place]") -> list[Any]:
    """Return what resolvers of *field* receive; items of one list share it."""
    numbers = list(dict.fromkeys(number for number, _ in places))
    infos = dict(zip(numbers, run.infos(field, wave, numbers), strict=True))
    return [infos[number] for number, _ in places]


def _wait(  # noqa: PLR0917 - by position, as it is called for every wave
    run: "Run", awaitable: Any, wave: "Wave", field: FieldPlan, place: "Place", extra: Any, then: Any
) -> None:
    run.wait(awaitable, wave, field, [place], then, len(place[1]), extra)


def _named(run: "Run", wave: "Wave", field: FieldPlan, group: "list[Waiting]") -> None:
    named = []
    for one in _alive(run, wave, field, group):
        if one.error is not None:
            run.fail(wave, field, one.place, one.error)
        else:
            named.append((one.place, one.extra, one.value))
    _by_type(run, wave, field, named)


def _by_type(run: "Run", wave: "Wave", field: FieldPlan, named: "list[tuple[Place, Any, Any]]") -> None:
    groups: dict[str, tuple[ObjectPlan, list[Place], list[Any]]] = {}
    for place, value, name in named:
        if not (isinstance(name, str) and name in groups):
            try:
                found = run.program.object(field, _valid_type(run, wave, field, name, value))
            except Exception as error:  # noqa: BLE001 - it belongs to the field
                run.fail(wave, field, place, error)
                continue
            groups[name] = (found, [], [])
        groups[name][1].append(place)
        groups[name][2].append(value)
    for found, places, values in groups.values():
        is_of_type(run, wave, field, found, places, values)


def _valid_type(run: "Run", wave: "Wave", field: FieldPlan, name: Any, value: Any) -> GraphQLObjectType:
    assert field.abstract is not None, "only called for abstract types"
    info = run.info(field, wave, 0)
    executor = cast("Executor[Any]", run)
    return Executor.ensure_valid_runtime_type(executor, name, field.abstract, field.details, info, value)


def _checked(run: "Run", wave: "Wave", field: FieldPlan, group: "list[Waiting]") -> None:
    by_plan: dict[int, tuple[ObjectPlan, list[Place], list[Any]]] = {}
    for one in _alive(run, wave, field, group):
        value, plan = one.extra
        place = one.place
        if one.error is not None:
            run.fail(wave, field, place, one.error)
        elif not one.value:
            run.fail(wave, field, place, invalid_return_type_error(plan.type, value, field.details))
        else:
            _, places, values = by_plan.setdefault(plan.number, (plan, [], []))
            places.append(place)
            values.append(value)
    for plan, places, values in by_plan.values():
        _wave(run, wave, field, plan, places, values)


def _alive(run: "Run", wave: "Wave", field: FieldPlan, group: "list[Waiting]") -> "list[Waiting]":
    return [one for one in group if run.failures.alive(wave, one.place, field)]


def _wave(  # noqa: PLR0917 - by position, as it is called for every wave
    run: "Run", wave: "Wave", field: FieldPlan, plan: ObjectPlan, places: "list[Place]", values: list[Any]
) -> None:
    if not values:
        return
    denied = run.denied.get((plan.type.name, ""))
    if denied is not None:
        for place in places:
            run.fail(wave, field, place, denied)
        return
    child = type(wave)(plan, values, wave, field, _places=places)
    run.program.enter(run, child)
    for (number, indexes), row in zip(places, child.rows, strict=True):
        put(wave.rows[number], field, indexes, row)
