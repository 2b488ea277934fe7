"""graphql-core as the oracle: both executors run the same operation, and their answers are compared."""

import asyncio
import selectors
from types import SimpleNamespace

import pytest
from graphql import ExecutionResult, parse, validate
from graphql import execute as interpret

from bff.execution.compiler import execute


class Jumping(selectors.DefaultSelector):
    """Jumps to the next timer instead of waiting for it."""

    now = 0.0

    def select(self, timeout=None):
        found = super().select(0)
        if not found:
            if timeout is None:
                raise RuntimeError("waiting for ever")
            self.now += max(timeout, 0)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes at once."""

    def __init__(self):
        self._jumping = Jumping()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now


def run_virtually(function):
    """Return what the coroutine function brought, and assert that it has left no task behind."""

    async def main():
        result = function()
        if asyncio.iscoroutine(result):
            result = await result
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return result, len(left)

    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def seen(error):
    """Return what of an error a client sees."""
    return (
        tuple(error.path) if error.path is not None else None,
        error.message,
        tuple((one.line, one.column) for one in error.locations or ()),
    )


def answer(result):
    """Return data and the set of errors, which may come in another order."""
    assert isinstance(result, ExecutionResult), result
    return result.data, sorted(map(seen, result.errors or ()), key=repr)


def both(schema, query, root=None, **options):
    """Return our result, after comparing it with graphql-core's; *root* may be a function that makes it."""
    document = parse(query)
    assert validate(schema, document) == []
    make = root if callable(root) else lambda: root

    expected, _ = run_virtually(lambda: interpret(schema, document, make(), **options))
    actual, left = run_virtually(lambda: execute(schema, document, make(), **options))

    assert answer(actual) == answer(expected)
    assert keys(actual.data) == keys(expected.data)
    assert left == 0
    return actual


def keys(data):
    """Return the order of the keys everywhere in *data*."""
    if isinstance(data, dict):
        return [(name, keys(value)) for name, value in data.items()]
    if isinstance(data, list):
        return [keys(value) for value in data]
    return None


@pytest.fixture
def oracle():
    """Return the helpers of this module."""
    return SimpleNamespace(
        both=both, answer=answer, seen=seen, run=run_virtually, keys=keys, VirtualLoop=VirtualLoop
    )


@pytest.fixture
def same(oracle):
    """Return the function that runs both executors and compares."""
    return oracle.both
