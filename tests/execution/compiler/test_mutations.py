"""Root fields of a mutation run one after the other; what lies below them does not wait for anything else."""

import asyncio

import pytest
from graphql import build_schema
from graphql.pyutils import AbortController

SCHEMA = build_schema("""
type Query { a: Int }
type Mutation { set(n: Int!): Box must(n: Int!): Box! now(n: Int!): Int now2: Int }
type Box { n: Int slow: Int must: Int! }
""")


class Book:
    def __init__(self):
        self.log = []

    async def put(self, _info, n):
        self.log.append(f"begin {n}")
        await asyncio.sleep(10 - n)
        self.log.append(f"end {n}")
        if n == 5:
            raise ValueError("five")
        return Box(self, n)

    must = set = put

    def now(self, _info, n):
        self.log.append(f"now {n}")
        if n == 5:
            raise ValueError("five")
        return n

    now2 = 2


class Box:
    def __init__(self, book, n):
        self.book, self.n = book, n
        self.must = None if n == 3 else n

    async def slow(self, _info):
        self.book.log.append(f"slow {self.n}")
        await asyncio.sleep(5)
        self.book.log.append(f"slow end {self.n}")
        return self.n


@pytest.mark.parametrize(
    "query",
    [
        "mutation { a: set(n: 1) { n } b: set(n: 2) { n } c: now(n: 3) d: set(n: 4) { n } }",
        "mutation { a: set(n: 1) { slow } b: now(n: 2) c: set(n: 3) { n slow } }",
        "mutation { a: set(n: 5) { n } b: now(n: 5) c: set(n: 1) { n } }",
        "mutation { a: must(n: 5) { n } b: set(n: 1) { n } }",
        "mutation { a: set(n: 1) { n } b: must(n: 3) { must } c: now(n: 1) }",
        "mutation { a: now(n: 1) b: now(n: 2) now2 __typename }",
    ],
)
def test_order(same, query):
    books = []

    def root():
        books.append(Book())
        return books[-1]

    same(SCHEMA, query, root)

    assert books[0].log == books[1].log


def test_after_an_abort_none_begins(oracle):
    from graphql import parse  # noqa: PLC0415
    from graphql.execution import AbortedGraphQLExecutionError  # noqa: PLC0415

    from bff.execution.compiler import execute  # noqa: PLC0415

    book, controller = Book(), AbortController()

    async def main():
        running = asyncio.ensure_future(
            execute(
                SCHEMA,
                parse("mutation { a: set(n: 1) { n } b: set(n: 2) { n } }"),
                book,
                abort_signal=controller.signal,
            )
        )
        await asyncio.sleep(1)
        controller.abort(RuntimeError("enough"))
        with pytest.raises(AbortedGraphQLExecutionError, match="enough") as raised:
            await running
        with pytest.raises(RuntimeError, match="enough"):
            await raised.value.aborted_result

    _, left = oracle.run(main)

    assert book.log == ["begin 1"]
    assert left == 0
