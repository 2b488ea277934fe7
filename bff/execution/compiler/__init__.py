"""Compiles GraphQL operations to Python; a drop-in for graphql-core's execution."""

from bff.execution.compiler.cache import CompiledOperation, Operations
from bff.execution.compiler.execute import CompiledExecutor, compiled_executor, execute
from bff.execution.compiler.forms import BatchOf, BatchResolve, Direct, DirectOf, PathOf, no_direct
from bff.execution.compiler.runtime import Position
from bff.execution.compiler.shadow import Difference, shadow
from bff.execution.compiler.subscribe import experimental_execute_incrementally, subscribe

__all__ = [
    "BatchOf",
    "BatchResolve",
    "CompiledExecutor",
    "CompiledOperation",
    "Difference",
    "Direct",
    "DirectOf",
    "Operations",
    "PathOf",
    "Position",
    "compiled_executor",
    "execute",
    "experimental_execute_incrementally",
    "no_direct",
    "shadow",
    "subscribe",
]
