"""The interpreter rests on methods of graphql-core that are not public; this looks that they are there."""

import inspect

import pytest
from graphql.execution import Executor
from graphql.execution.incremental import IncrementalExecutor

from bff.execution.interpreter import GuardedExecution

REPLACED = [name for name, member in vars(GuardedExecution).items() if inspect.isfunction(member)]


@pytest.mark.parametrize("executor", [Executor, IncrementalExecutor])
@pytest.mark.parametrize("name", [name for name in REPLACED if not name.startswith("_")])
def test_what_is_replaced_exists_with_the_same_parameters(executor, name):
    theirs = list(inspect.signature(getattr(executor, name)).parameters)
    ours = list(inspect.signature(getattr(GuardedExecution, name)).parameters)

    assert len(ours) == len(theirs), f"{name} was {theirs}"


@pytest.mark.parametrize("name", ["handle_field_error", "is_awaitable", "schema"])
def test_what_is_used_exists(name):
    assert name in {
        *dir(Executor),
        *Executor.__annotations__,
        *inspect.getsource(Executor.__init__).split("self."),
    } or (f"self.{name} " in inspect.getsource(Executor.__init__))
