"""What generated code works on: a wave of objects, and one run of a program.

A *wave* is all objects of one type at one position of the operation, wherever their parents are. A *place* says
where a value of a field belongs: the number of the parent in its wave, and the index in each list around it.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema
from graphql.execution.values import VariableValues, get_argument_values
from graphql.pyutils import Path
from msgspec import Struct

from bff.execution.compiler.failures import Failures
from bff.execution.compiler.plan import FieldPlan, ObjectPlan
from bff.execution.compiler.waiting import Places, Then, Waiting, Work

if TYPE_CHECKING:
    from bff.execution.compiler.load import Program

_PATH = GraphQLResolveInfo._fields.index("path")
Place = tuple[int, tuple[int, ...]]

NOTHING: Mapping[tuple[str, str], Exception] = MappingProxyType({})
"""No field is denied."""


class Wave(Struct, eq=False):  # a struct, as all that is made for each run: one call in C makes it
    """All objects of one type at one position of the operation.

    Attributes:
        plan: Their type and fields.
        sources: Their values, as resolvers returned them.
        parent: The wave that they are children of; None for the root.
        field: The field of the parent that they are values of.
        kinds: The types of the sources, if they are known.
        rows: Their results so far, in the same order.
        mapping: Whether the sources are dicts; see `read.mappings`.
        cut: For objects that are lost, the index of the first field that failed; later ones are not begun.
    """

    plan: ObjectPlan
    sources: list[Any]
    parent: "Wave | None" = None
    field: FieldPlan | None = None
    _parents: list[int] | None = None
    _lengths: list[int] | None = None
    kinds: set[type] | None = None
    _places: list[Place] | None = None
    rows: list[Any] = []
    mapping: Any = ...
    cut: dict[int, int] | None = None
    _paths: dict[int, Path] | None = None

    @property
    def places(self) -> list[Place]:
        """Where each object belongs in the parent wave."""
        if self._places is None:
            if self._lengths is None:
                parents = self._parents if self._parents is not None else range(len(self.sources))
                self._places = [(number, ()) for number in parents]
            else:
                parents = self._parents if self._parents is not None else range(len(self._lengths))
                self._places = [
                    (number, (index,))
                    for number, length in zip(parents, self._lengths, strict=True)
                    for index in range(length)
                ]
        return self._places

    def path(self, number: int) -> Path | None:
        """Return the response path of object *number*; None for the root."""
        if self.parent is None or self.field is None:
            return None
        if self._paths is None:
            self._paths = {}
        path = self._paths.get(number)
        if path is None:
            path = self._paths[number] = self.parent.path_of(self.field, self.places[number])
        return path

    def path_of(self, field: FieldPlan, place: Place) -> Path:
        """Return the response path of the value of *field* at *place*."""
        number, indexes = place
        path = Path(self.path(number), field.key, field.parent_type.name)
        for index in indexes:
            path = Path(path, index, None)
        return path

    def begun(self, field: FieldPlan) -> list[int] | None:
        """Return the objects whose *field* is to be resolved; None for all of them."""
        if self.cut is None:
            return None
        index, cut = field.index, self.cut
        return [number for number in range(len(self.sources)) if cut.get(number, index) >= index]


class Terms(NamedTuple):
    """What all runs of an operation have in common.

    Attributes:
        is_awaitable: The caller's predicate.
        is_async_iterable: The caller's predicate.
        resolver: Returns the function that resolves a field: wrapped by middleware, or the default one.
        type_resolver: For abstract types without one.
        hide_suggestions: Whether errors name no similar names.
    """

    is_awaitable: Callable[[Any], bool]
    is_async_iterable: Callable[[Any], bool]
    resolver: Callable[[Any], Callable[..., Any]]
    type_resolver: Callable[..., Any]
    hide_suggestions: bool


class Run(Struct, eq=False):
    """One run of a program; also what graphql-core's helpers take for their executor.

    Attributes:
        program: What is run.
        terms: What it has in common with other runs.
        variables: Coerced.
        context: What resolvers find in `info.context`.
        make_info: Builds what resolvers receive, from definition, nodes, parent type and path.
        work: Waits for awaitables.
        root: The wave of the root value.
        failures: What failed, and the result.
        denied: Why fields fail without being asked, by the names of type and field; with an empty field, why all
            objects of a type do that come as a value of an abstract one.
        serial: The fields of a mutation that are left, with their functions.
    """

    program: "Program"
    terms: Terms
    variables: VariableValues
    context: Any
    make_info: Callable[..., Any]
    work: Work
    root: Wave
    failures: Failures
    denied: Mapping[tuple[str, str], Exception] = NOTHING
    serial: Iterator[Any] | None = None
    _arguments: dict[int, dict[str, Any]] = {}

    @property
    def schema(self) -> GraphQLSchema:
        """For which the program was made."""
        return self.program.schema

    def info(self, field: FieldPlan, wave: Wave, number: int) -> Any:
        """Return what the resolver of *field* receives for object *number*."""
        path = Path(wave.path(number), field.key, field.parent_type.name)
        return self.make_info(field.definition, field.nodes, field.parent_type, path)

    def infos(self, field: FieldPlan, wave: Wave, numbers: Sequence[int]) -> list[Any]:
        """Return what the resolver of *field* receives for each of the objects *numbers*."""
        if not numbers:
            return []
        first = self.info(field, wave, numbers[0])
        kind = type(first)
        if kind.__dictoffset__ or kind._fields[_PATH] != "path":
            return [first, *(self.info(field, wave, number) for number in numbers[1:])]
        head, tail, new = first[:_PATH], first[_PATH + 1 :], tuple.__new__
        key, typename, path = field.key, field.parent_type.name, wave.path
        return [new(kind, (*head, new(Path, (path(number), key, typename)), *tail)) for number in numbers]

    def arguments(self, field: FieldPlan) -> dict[str, Any]:
        """Return the coerced arguments of *field*, the same for all parents.

        Raises:
            GraphQLError: They do not fit.
        """
        if field.arguments is not None:
            return field.arguments
        found = self._arguments.get(field.number)
        if found is None:
            found = self._arguments[field.number] = get_argument_values(
                field.definition, field.nodes[0], self.variables, None, self.terms.hide_suggestions
            )
        return found

    def fail(
        self, wave: Wave, field: FieldPlan, place: Place, error: Exception, *, late: int | None = None
    ) -> None:
        """Note that the value of *field* at *place* failed; see `Failures.add`."""
        self.failures.add(wave, field, place, error, late)

    def wait(  # noqa: PLR0917 - as `Waiting`
        self,
        awaitable: Awaitable[Any],
        wave: Wave,
        field: FieldPlan,
        places: Places,
        then: Then,
        level: int = 0,
        extra: Any = None,
    ) -> None:
        """Wait for *awaitable*, then go on with *then*."""
        self.work.add(Waiting(awaitable, wave, field, places, then, level, extra))

    def start(self) -> None:
        """Run as far as it goes without waiting."""
        root, program, failures = self.root, self.program, self.failures
        if program.serial:
            program.begin_serially(self)
        else:
            program.objects[program.root.number](self, root)
        failures.data = root.rows[0]
        failures.settle()
        if self.serial is not None:
            self.advance()

    def advance(self) -> bool:
        """Begin the next field of a mutation, and further ones while none has to wait; tell whether one waits.

        Raises:
            Exception: The operation has been aborted.
        """
        while self.serial is not None and not self.work.waiting and self.data is not None:
            step = next(self.serial, None)
            if step is None:
                break
            field, function = step
            if self.work.may_begin():
                function(self, self.root)
            else:
                self.fail(self.root, field, (0, ()), self.work.stopped(started=False))
            self.failures.settle()
        return bool(self.work.waiting)

    async def finish(self) -> None:
        """Run to the end."""
        work = self.work
        try:
            while True:
                while work.waiting:
                    await work.ready()
                    self.resume(work.take())
                if not self.advance():
                    break
        except BaseException:
            await work.close()
            raise
        await work.ended()

    def resume(self, groups: list[list[Waiting]]) -> None:
        """Go on where something has come; what came at the same time for the same field goes on together."""
        for group in groups:
            first = group[0]
            first.then(self, first.wave, first.field, group)
        self.failures.settle()

    @property
    def data(self) -> dict[str, Any] | None:
        """The result so far."""
        return self.failures.data

    @property
    def errors(self) -> list[GraphQLError]:
        """The errors so far."""
        return self.failures.errors


class Position(Struct, eq=False):
    """Where a function behind a resolver is called: what it may want to know besides its parent or parents.

    Attributes:
        number: Of the parent in its wave; for a batch, of the first one.
        numbers: Of the parents of a batch, None where they are all of the wave.
    """

    _run: Run
    _wave: Wave
    _field: FieldPlan
    number: int
    numbers: list[int] | None = None

    @property
    def context(self) -> Any:
        """What resolvers find in `info.context`."""
        return self._run.context

    @property
    def arguments(self) -> dict[str, Any]:
        """The coerced arguments of the field, the same for all parents; they are not to be changed."""
        return self._run.arguments(self._field)

    @property
    def info(self) -> Any:
        """What the resolver of the (first) parent would receive."""
        return self._run.info(self._field, self._wave, self.number)

    def path(self, place: int = 0) -> Path:
        """Return the response path of the field, for a batch that of its parent at *place*."""
        numbers = self.numbers
        number = self.number + place if numbers is None else numbers[place]
        return Path(self._wave.path(number), self._field.key, self._field.parent_type.name)
