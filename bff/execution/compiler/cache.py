"""Compiled operations, kept: each is compiled once, the ones used least recently go first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from threading import RLock
from typing import Generic, TypeVar

from graphql import FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues
from graphql.pyutils import Undefined

from bff.execution.compiler.load import Program
from bff.execution.compiler.plan import Options
from bff.execution.compiler.request import Unsupported, request_of

V = TypeVar("V")

VARIANTS = 32
"""Programs kept for one operation, one for each set of values of its conditions."""

KEPT = 1024
"""Operations kept, unless told otherwise."""

Fragments = dict[str, FragmentDefinitionNode]


class Recent(Generic[V]):
    """At most *size* values by key; made once, by one of those who ask at the same time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._lock = RLock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value of *key*, made by *make* where there is none; the others wait meanwhile."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                found = self._values[key] = make()
                if len(self._values) > self._size:
                    self._values.popitem(last=False)
            else:
                self._values.move_to_end(key)
            return found


class CompiledOperation:
    """One operation, compiled for each set of values of the variables in its `@skip` and `@include`.

    Raises:
        Unsupported: It has to be left to graphql-core.
    """

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments, options: Options
    ) -> None:
        self._options = options
        self._request, self.conditions = request_of(schema, operation, fragments)
        self._programs: Recent[Program] = Recent(VARIANTS)
        self._only: Program | None = None

    def program(self, variables: VariableValues) -> Program:
        """Return the program for the conditions in *variables*.

        Raises:
            Unsupported: It has to be left to graphql-core.
        """
        if self._only is not None:
            return self._only
        key = tuple(variables.coerced.get(name, Undefined) for name in self.conditions)
        if any(not (value is Undefined or isinstance(value, bool)) for value in key):
            raise Unsupported("a condition that is not a Boolean")
        program = self._programs.get(key, lambda: self._compile(variables))
        if not self.conditions:
            self._only = program
        return program

    def _compile(self, variables: VariableValues) -> Program:
        kept = VariableValues(
            {name: variables.sources[name] for name in self.conditions if name in variables.sources},
            {name: variables.coerced[name] for name in self.conditions if name in variables.coerced},
        )
        try:
            return Program(self._request, self._options, kept)
        except RecursionError:
            raise Unsupported("nested too deeply") from None


class Operations:
    """The compiled operations of any number of schemas.

    Args:
        size: How many are kept.
    """

    def __init__(self, size: int = KEPT) -> None:
        self._kept: Recent[_Kept] = Recent(size)

    def get(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments, options: Options
    ) -> CompiledOperation | None:
        """Return *operation* compiled, None where it has to be left to graphql-core.

        The same text parsed again finds what was compiled before.
        """
        key: Hashable
        if operation.loc is not None:
            key = (
                id(schema),
                operation.loc.source.body,
                operation.name.value if operation.name else None,
                options,
            )
            found = self._kept.get(key, lambda: _Kept(schema, operation, fragments, options))
            if found.is_for(schema, operation, fragments):
                return found.compiled
        key = (id(schema), id(operation), options)
        return self._kept.get(key, lambda: _Kept(schema, operation, fragments, options)).compiled


class _Kept:
    """A compiled operation, or the knowledge that it cannot be compiled."""

    __slots__ = ("_fragments", "_last", "_operation", "_schema", "compiled")

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments, options: Options
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = fragments
        self._last = (operation, fragments)
        self.compiled: CompiledOperation | None = None
        with suppress(Unsupported):
            self.compiled = CompiledOperation(schema, operation, fragments, options)

    def is_for(self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments) -> bool:
        """Tell whether this is *operation*, perhaps parsed again from the same text."""
        last_operation, last_fragments = self._last
        if schema is not self._schema:
            return False
        if operation is last_operation and fragments == last_fragments:
            return True
        if operation != self._operation or fragments != self._fragments:
            return False
        self._last = (operation, fragments)
        return True
