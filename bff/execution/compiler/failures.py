"""Errors and the nulls that they cause.

All that happens without waiting is one *burst*. Failures of a burst are noted, and applied when it is over in the
order of the document, which is the order in which graphql-core finds them: the first one that makes a parent null
is told, and those below that null which would have come later are not.
"""

from typing import TYPE_CHECKING, Any

from graphql import GraphQLError
from graphql.error import located_error
from msgspec import Struct

from bff.execution.compiler.plan import FieldPlan

if TYPE_CHECKING:
    from bff.execution.compiler.runtime import Place, Wave
    from bff.execution.compiler.waiting import Work


_PARTS = tuple(name for name in GraphQLError.__slots__ if name != "path")


class Failures(Struct, eq=False):
    """Collects the failures of one run and makes the nulls.

    Attributes:
        data: The row of the root, None when a failure has taken it.
        errors: What was told so far.
        nulls: How many times a null went beyond the value that failed.
    """

    _work: "Work"
    data: dict[str, Any] | None = None
    errors: list[GraphQLError] = []
    nulls: int = 0
    _burst: "list[tuple[tuple[int, ...], Wave, FieldPlan, Place, Exception]]" = []
    _told: tuple[Exception, FieldPlan, GraphQLError] | None = None

    def add(self, wave: "Wave", field: FieldPlan, place: "Place", error: Exception, late: int | None) -> None:
        """Note that the value of *field* at *place* failed.

        Args:
            wave: Of the parents.
            field: Whose value it is.
            place: Of the value.
            error: Why.
            late: How many items came before a list failed as a whole; their own failures come before it.
        """
        number, indexes = place
        if all(field.nonnull[: len(indexes) + 1]):
            if wave.cut is None:
                wave.cut = {}
            wave.cut[number] = min(wave.cut.get(number, field.index), field.index)
        order = (*_order(wave, number), field.index, *indexes)
        self._burst.append((order if late is None else (*order, late), wave, field, place, error))

    def settle(self) -> None:
        """Apply the burst's failures, and give up what nobody waits for any more."""
        if not self._burst:
            return
        burst, self._burst = self._burst, []
        if len(burst) > 1:
            burst.sort(key=lambda failure: failure[0])
        before = self.nulls
        for _, wave, field, place, error in burst:
            self._apply(wave, field, place, error)
        if self.nulls > before:
            self._work.abandon(self.alive)

    def alive(self, wave: "Wave", place: "Place", field: FieldPlan | None = None) -> bool:
        """Tell whether the object at *place*, and with *field* the list around the value, is in the result."""
        number, indexes = place
        row = wave.rows[number]
        if wave.parent is None or wave.field is None:
            held = self.data is row
        else:
            above = wave.places[number]
            held = self.alive(wave.parent, above) and _at(wave.parent.rows[above[0]], wave.field, above[1]) is row
        if not held or row is None or field is None or not indexes:
            return held and row is not None
        return isinstance(_at(row, field, indexes[:-1]), list)

    def _apply(self, wave: "Wave", field: FieldPlan, place: "Place", error: Exception) -> None:
        if not self.alive(wave, place, field):
            return
        path = wave.path_of(field, place).as_list()
        self.errors.append(self._located(error, field, path))
        self._make_null(wave, field, place)

    def _located(self, error: Exception, field: FieldPlan, path: list[str | int]) -> GraphQLError:
        """Return *error* as graphql-core tells it; one that hits many places is looked up in the document once."""
        told = self._told
        if told is not None and told[0] is error and told[1] is field:
            return _elsewhere(told[2], path)
        located = located_error(error, field.nodes, path)
        if not isinstance(error, GraphQLError) and type(located) is GraphQLError:
            self._told = (error, field, located)
        return located

    def _make_null(self, wave: "Wave", field: FieldPlan, place: "Place") -> None:
        number, indexes = place
        level = len(indexes)
        while level >= 0 and field.nonnull[level]:
            level -= 1
        if level < len(indexes) or level < 0:
            self.nulls += 1
        if level >= 0:
            _put(wave.rows[number], field, indexes[:level], None)
        elif wave.parent is None or wave.field is None:
            self.data = None
        else:
            self._make_null(wave.parent, wave.field, wave.places[number])


def _elsewhere(error: GraphQLError, path: list[str | int]) -> GraphQLError:
    """Return what *error* is where the same cause hits the same field at another *path*."""
    twin = GraphQLError.__new__(GraphQLError, error.message)
    for name in _PARTS:
        setattr(twin, name, getattr(error, name))
    twin.path = path
    return twin.with_traceback(error.__traceback__)


def _order(wave: "Wave", number: int) -> tuple[int, ...]:
    if wave.parent is None or wave.field is None:
        return ()
    above, indexes = wave.places[number]
    return (*_order(wave.parent, above), wave.field.index, *indexes)


def _at(row: dict[str, Any], field: FieldPlan, indexes: tuple[int, ...]) -> Any:
    """Return the value of *field* in *row*, or the item of it at *indexes*; None where a list is null."""
    value: Any = row[field.key]
    for index in indexes:
        if value is None:
            return None
        value = value[index]
    return value


def _put(row: dict[str, Any], field: FieldPlan, indexes: tuple[int, ...], value: Any) -> None:
    if not indexes:
        row[field.key] = value
        return
    container = _at(row, field, indexes[:-1])
    container[indexes[-1]] = value


put = _put
"""Set the value of a field in a row, or the item of it at some indexes."""
