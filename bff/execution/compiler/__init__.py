"""Compiles GraphQL operations to Python; a drop-in for graphql-core's execution."""

from bff.execution.compiler.cache import CompiledOperation, Operations
from bff.execution.compiler.execute import CompiledExecutor, compiled_executor, execute
from bff.execution.compiler.plan import BatchOf, BatchResolve

__all__ = [
    "BatchOf",
    "BatchResolve",
    "CompiledExecutor",
    "CompiledOperation",
    "Operations",
    "compiled_executor",
    "execute",
]
