"""Makes a program of a plan: its source compiled, and known to tracebacks."""

import linecache
import weakref
from collections.abc import Callable
from itertools import count
from threading import RLock
from typing import Any

from graphql import GraphQLObjectType, OperationType
from graphql.execution.values import VariableValues

from bff.execution.compiler.batch import ask_batch, resolve_batch
from bff.execution.compiler.emit import Emitter
from bff.execution.compiler.plan import FieldPlan, ObjectPlan, Options, Planner
from bff.execution.compiler.read import (
    ask_each,
    call_each,
    deny,
    fill,
    fill_either,
    read_field,
    resolve_each,
    row_of,
)
from bff.execution.compiler.request import Request
from bff.execution.compiler.runtime import Run, Wave
from bff.execution.compiler.values import BAD, ObjectTypes, PlainTypes

_HELPERS = {
    "BAD": BAD,
    "ask": ask_each,
    "ask_batch": ask_batch,
    "batch": resolve_batch,
    "call": call_each,
    "deny": deny,
    "each": resolve_each,
    "fill": fill,
    "fill_either": fill_either,
    "read_field": read_field,
    "row_of": row_of,
}
_numbers = count(1)


class Program:
    """An operation as Python functions, for one set of conditions.

    Attributes:
        schema: For which it was made.
        root: The plan of its root.
        plain: Which types need no second look.
        object_types: Which types are no mappings.
        awaiting: Objects whose `is_type_of` has to be awaited, by number.
        quick: Functions that coerce a plain value of a leaf field, by the field's number.
        serial: Whether the fields of its root are resolved one after the other.
        objects: Functions that make the results of the objects of a wave, by the number of their plan.
        source: The source text of its functions, for each time that some were added.
    """

    def __init__(self, request: Request, options: Options, variables: VariableValues) -> None:
        self.schema = request.schema
        self.plain = PlainTypes()
        self.object_types = ObjectTypes()
        self.awaiting: set[int] = set()
        self._planner = Planner(request, options, variables)
        self.root = self._planner.root()
        self.serial = request.operation.operation is OperationType.MUTATION
        self._name = request.operation.name.value if request.operation.name else "unnamed"
        self._lock = RLock()
        self._emitter = Emitter(self.plain)
        self._functions: dict[str, Any] = dict(_HELPERS)
        self.source: list[str] = []
        self.objects: dict[int, Callable[[Run, Wave], None]] = {}
        if self.serial:
            self._emitter.serial(self.root)
        else:
            self._emitter.root(self.root)
        self._load(self._emitter)
        self.quick = self._emitter.quick

    def begin_serially(self, run: Run) -> None:
        """Start the root of a mutation, whose fields are the run's further steps."""
        run.root.rows.append({field.key: None for field in self.root.fields})
        run.serial = iter([(field, self._functions[f"step_{field.number}"]) for field in self.root.fields])

    def enter(self, run: Run, wave: Wave) -> None:
        """Make the results of the objects of *wave*."""
        self.objects[wave.plan.number](run, wave)

    def object(self, field: FieldPlan, object_type: GraphQLObjectType) -> ObjectPlan:
        """Return the plan for values of *field* that are of *object_type*; it is made when it is needed first."""
        found = field.objects.get(object_type.name)
        if found is not None:
            return found
        with self._lock:
            found = field.objects.get(object_type.name)
            if found is None:
                found = self._planner.object(object_type, field.details)
                emitter = Emitter(self.plain)
                emitter.tree(found)
                self._load(emitter)
                self.quick.update(emitter.quick)
                field.objects[object_type.name] = found
            return found

    def _load(self, emitter: Emitter) -> None:
        text = emitter.source()
        filename = f"<compiled {self._name} {next(_numbers)}>"
        code = compile(text, filename, "exec", dont_inherit=True)
        self._functions.update(emitter.names)
        exec(code, self._functions)  # noqa: S102 - the text is ours; names and strings in it are literals
        self.source.append(text)
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        weakref.finalize(self, linecache.cache.pop, filename, None)
        for name, function in self._functions.items():
            if name.startswith("object_") and callable(function):
                self.objects[int(name.removeprefix("object_"))] = function
