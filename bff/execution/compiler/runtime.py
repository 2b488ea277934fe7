"""What generated code works on: a wave of objects, and one run of a program.

A *wave* is all objects of one type at one position of the operation, wherever their parents are. A *place* says
where a value of a field belongs: the number of the parent in its wave, and the index in each list around it.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema
from graphql.execution.values import VariableValues, get_argument_values
from graphql.pyutils import Path

from bff.execution.compiler.failures import Failures
from bff.execution.compiler.plan import FieldPlan, ObjectPlan
from bff.execution.compiler.waiting import Places, Then, Waiting, Work

if TYPE_CHECKING:
    from bff.execution.compiler.load import Program

_PATH = GraphQLResolveInfo._fields.index("path")
Place = tuple[int, tuple[int, ...]]

NOTHING: Mapping[tuple[str, str], Exception] = MappingProxyType({})
"""No field is denied."""


class Wave:
    """All objects of one type at one position of the operation.

    Attributes:
        plan: Their type and fields.
        sources: Their values, as resolvers returned them.
        rows: Their results so far, in the same order.
        parent: The wave that they are children of; None for the root.
        field: The field of the parent that they are values of.
        kinds: The types of the sources, if they are known.
        mapping: Whether the sources are dicts; see `read.mappings`.
        cut: For objects that are lost, the index of the first field that failed; later ones are not begun.
    """

    __slots__ = (
        "_lengths", "_parents", "_paths", "_places", "cut", "field", "kinds", "mapping", "parent", "plan",
        "rows", "sources",
    )  # fmt: skip

    def __init__(
        self,
        plan: ObjectPlan,
        sources: list[Any],
        parent: "Wave | None" = None,
        field: FieldPlan | None = None,
        *,
        places: list[Place] | None = None,
        parents: list[int] | None = None,
        lengths: list[int] | None = None,
        kinds: set[type] | None = None,
    ) -> None:
        self.plan = plan
        self.sources = sources
        self.rows: list[Any] = []
        self.parent = parent
        self.field = field
        self.cut: dict[int, int] | None = None
        self.kinds = kinds
        self.mapping: Any = ...
        self._places = places
        self._parents = parents
        self._lengths = lengths
        self._paths: dict[int, Path] | None = None

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


class Run:
    """One run of a program; also what graphql-core's helpers take for their executor.

    Args:
        program: What is run.
        variables: Coerced.
        root_value: Source of the root.
        make_info: Builds what resolvers receive, from definition, nodes, parent type and path.
        work: Waits for awaitables.
        is_awaitable: The caller's predicate.
        is_async_iterable: The caller's predicate.
        resolver: Returns the function that resolves a field: wrapped by middleware, or the default one.
        type_resolver: For abstract types without one.
        hide_suggestions: Whether errors name no similar names.
        denied: Why fields fail without being asked, by the names of type and field; with an empty field, why all
            objects of a type do that come as a value of an abstract one.
    """

    __slots__ = (
        "_arguments",
        "denied",
        "failures",
        "hide_suggestions",
        "is_async_iterable",
        "is_awaitable",
        "make_info",
        "plain",
        "program",
        "resolver",
        "root",
        "schema",
        "serial",
        "type_resolver",
        "variables",
        "work",
    )

    def __init__(
        self,
        program: "Program",
        variables: VariableValues,
        root_value: Any,
        *,
        make_info: Callable[..., Any],
        work: Work,
        is_awaitable: Callable[[Any], bool],
        is_async_iterable: Callable[[Any], bool],
        resolver: Callable[[Any], Callable[..., Any]],
        type_resolver: Callable[..., Any],
        hide_suggestions: bool = False,
        denied: Mapping[tuple[str, str], Exception] = NOTHING,
    ) -> None:
        self.program = program
        self.schema: GraphQLSchema = program.schema
        self.plain = program.plain
        self.variables = variables
        self.make_info = make_info
        self.work = work
        self.is_awaitable = is_awaitable
        self.is_async_iterable = is_async_iterable
        self.resolver = resolver
        self.type_resolver = type_resolver
        self.hide_suggestions = hide_suggestions
        self.denied = denied
        self.root = Wave(program.root, [root_value])
        self.failures = Failures(work)
        self.serial: Iterator[Any] | None = None
        self._arguments: dict[int, dict[str, Any]] = {}

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
                field.definition, field.nodes[0], self.variables, None, self.hide_suggestions
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
        extra: Any = None,
    ) -> None:
        """Wait for *awaitable*, then go on with *then*."""
        self.work.add(Waiting(awaitable, wave, field, places, then, extra))

    def start(self) -> None:
        """Run as far as it goes without waiting."""
        root = self.root
        self.program.begin(self)
        self.failures.data = root.rows[0]
        self.failures.settle()
        if self.serial is not None:
            self.advance()

    def advance(self) -> bool:
        """Begin the next field of a mutation, and further ones while none has to wait; tell whether one waits.

        Raises:
            Exception: The operation has been aborted.
        """
        while not self.work.waiting and self.serial is not None and self.data is not None:
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
