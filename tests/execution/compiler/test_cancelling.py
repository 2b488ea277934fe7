"""Nothing outlives an operation: not when it ends, is aborted, is cancelled, or has lost a part."""

import asyncio
import gc

import pytest
from graphql import build_schema, parse
from graphql import execute as interpret
from graphql.execution import AbortedGraphQLExecutionError
from graphql.pyutils import AbortController

from bff.execution.compiler import execute

SCHEMA = build_schema("""
type Query { fast: Int slow: Int box: Box boxes: [Box] must: Int! numbers: [Int] now: Int }
type Box { fast: Int slow: Int fails: Int! name: String box: Box }
""")


class Book:
    def __init__(self):
        self.begun, self.ended, self.cancelled = [], [], []

    def work(self, name, seconds, value=1, error=None):
        async def run(_info):
            self.begun.append(name)
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
            if error:
                raise error
            self.ended.append(name)
            return value

        return run

    def root(self):
        box = {"fast": self.work("box fast", 1), "slow": self.work("box slow", 60), "name": "b"}
        box["fails"] = self.work("fails", 2, error=ValueError("no"))
        box["box"] = self.work("box", 1, {"slow": box["slow"], "name": "inner"})
        return {
            "fast": self.work("fast", 1),
            "slow": self.work("slow", 60),
            "must": self.work("must", 3, error=ValueError("gone")),
            "box": box,
            "boxes": [box, box],
            "numbers": [self.work("n1", 1)(None), self.work("n2", 60)(None)],
            "now": 1,
        }


async def aborted(function, query, book, seconds=5):
    controller = AbortController()
    running = asyncio.ensure_future(function(SCHEMA, parse(query), book.root(), abort_signal=controller.signal))
    await asyncio.sleep(seconds)
    controller.abort(RuntimeError("enough"))
    with pytest.raises(AbortedGraphQLExecutionError, match="enough") as raised:
        await running
    return await raised.value.aborted_result


@pytest.mark.parametrize(
    "query",
    [
        "{ fast slow }", "{ fast box { name fast slow } }", "{ boxes { fast slow name } }",
        "{ box { fails slow } slow }",
        "{ numbers slow }", "{ box { box { name slow } } }",
    ],
)  # fmt: skip
def test_an_abort_leaves_a_partial_answer(oracle, query):
    def ask(function):
        async def main():
            book = Book()
            root = book.root
            numbers = root()["numbers"] if "numbers" not in query else None
            for one in numbers or ():
                one.close()
            return book, await aborted(function, query, book)

        (book, result), left = oracle.run(main)
        return book, result, left

    expected_book, expected, _ = ask(interpret)
    book, actual, left = ask(execute)

    assert oracle.answer(actual) == oracle.answer(expected)
    assert sorted(book.cancelled) == sorted(expected_book.cancelled)
    assert left == 0


@pytest.fixture(autouse=True)
def unused_numbers(monkeypatch):
    """The root of most queries is not asked for its numbers; their coroutines are closed."""
    made = []
    root = Book.root

    def remembering(self):
        found = root(self)
        made.extend(found["numbers"])
        return found

    monkeypatch.setattr(Book, "root", remembering)
    yield
    for one in made:
        one.close()


@pytest.mark.parametrize("reason", ["a string", None, RuntimeError("x")])
def test_an_operation_that_is_aborted_before_it_begins(reason):
    controller = AbortController()
    controller.abort(reason)

    def ask(function):
        with pytest.raises(Exception) as raised:
            function(SCHEMA, parse("{ now }"), {"now": 1}, abort_signal=controller.signal)
        return type(raised.value), str(raised.value)

    assert ask(execute) == ask(interpret)


def test_an_abort_by_a_resolver_at_once():
    def ask(function):
        controller = AbortController()
        root = {"now": lambda _info: controller.abort(RuntimeError("now"))}
        with pytest.raises(AbortedGraphQLExecutionError) as raised:
            function(SCHEMA, parse("{ now }"), root, abort_signal=controller.signal)
        return raised.value.aborted_result.data

    assert ask(execute) == ask(interpret) == {"now": None}


def test_siblings_of_a_lost_parent_are_cancelled_at_once(oracle):
    book = Book()

    async def main():
        result = await execute(SCHEMA, parse("{ box { fails slow } fast }"), book.root())
        return result, asyncio.get_running_loop().time()

    (result, seconds), left = oracle.run(main)

    assert result.data == {"box": None, "fast": 1}
    assert (book.cancelled, left, seconds) == (["box slow"], 0, 2)


def test_cancelling_the_call_ends_the_work(oracle):
    book = Book()

    async def main():
        running = asyncio.ensure_future(execute(SCHEMA, parse("{ slow box { slow } }"), book.root()))
        await asyncio.sleep(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return sorted(book.cancelled)

    cancelled, left = oracle.run(main)

    assert (cancelled, left) == (["box slow", "slow"], 0)


def test_cancelling_an_abortable_call_ends_the_work(oracle):
    """graphql-core leaves the tasks behind here."""
    book = Book()

    async def main():
        running = asyncio.ensure_future(
            execute(SCHEMA, parse("{ slow fast }"), book.root(), abort_signal=AbortController().signal)
        )
        await asyncio.sleep(2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    _, left = oracle.run(main)

    assert (book.cancelled, left) == (["slow"], 0)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_resolver_that_cancels_ends_the_operation(oracle, at_once):
    """As with graphql-core; but the others are cancelled too."""
    book = Book()

    def now(_info):
        raise asyncio.CancelledError

    async def later(_info):
        raise asyncio.CancelledError

    async def running(root):
        return await execute(SCHEMA, parse("{ slow now fast }"), root)

    root = {**book.root(), "now": now if at_once else later}

    async def main():
        with pytest.raises(asyncio.CancelledError):
            await asyncio.ensure_future(running(root))

    _, left = oracle.run(main)

    assert left == 0
    assert book.ended == []


def test_a_future_may_be_waited_for_by_several_fields(same):
    """Loaders hand one future to many."""

    def root():
        shared = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1, shared.set_result, 7)
        return {"fast": shared, "slow": shared}

    same(SCHEMA, "{ fast slow again: slow }", root)


def test_a_slow_branch_does_not_hold_up_a_fast_one(oracle):
    book = Book()

    async def main():
        running = asyncio.ensure_future(execute(SCHEMA, parse("{ slow box { box { slow } } }"), book.root()))
        await asyncio.sleep(2)
        begun = list(book.begun)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return begun

    begun, _ = oracle.run(main)

    assert begun == ["slow", "box", "box slow"]


@pytest.mark.filterwarnings("ignore:coroutine")  # as with graphql-core
def test_a_result_that_is_never_awaited_begins_nothing():
    book = Book()
    result = execute(SCHEMA, parse("{ fast }"), book.root())
    result.close()
    del result
    gc.collect()

    assert book.begun == []
