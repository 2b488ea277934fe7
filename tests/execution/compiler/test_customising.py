"""Resolvers, predicates, middleware and executors of the caller."""

import asyncio

import pytest
from graphql import GraphQLResolveInfo, build_schema, execute_sync, graphql_sync, parse
from graphql import execute as interpret
from graphql.execution import ExecutionHooks, Executor, MiddlewareManager

from bff.execution.compiler import CompiledExecutor, execute

SCHEMA = build_schema("""
type Query { a(n: Int = 1): String box: Box list: [Box!] later: String typed: Box }
type Box { b: String list: [Int] box: Box }
""")


async def later(_info):
    await asyncio.sleep(1)
    return "later"


BOX = {"b": "b", "list": [1], "box": {"b": "inner"}}
ROOT = {"a": lambda _info, n: f"a{n}", "box": BOX, "list": [BOX, BOX], "later": later}
QUERY = "{ a x: a(n: 2) box { b list box { b } __typename } list { b } later __typename }"


def test_middleware_wraps_every_field(same):
    calls = []

    def first(next_, source, info, **arguments):
        calls.append(("first", info.path.as_list(), arguments))
        return next_(source, info, **arguments)

    class Second:
        def resolve(self, next_, source, info, **arguments):
            calls.append(("second", info.path.as_list()))
            value = next_(source, info, **arguments)
            return value.upper() if isinstance(value, str) else value

    result = same(SCHEMA, QUERY, ROOT, middleware=[first, Second()])

    assert result.data["a"] == "A1"
    half = len(calls) // 2
    assert sorted(calls[:half], key=repr) == sorted(calls[half:], key=repr)


@pytest.mark.parametrize("middleware", [None, (), MiddlewareManager()])
def test_no_middleware(same, middleware):
    same(SCHEMA, QUERY, ROOT, middleware=middleware)


def test_middleware_of_a_wrong_kind():
    with pytest.raises(TypeError, match="Middleware must be passed"):
        execute(SCHEMA, parse("{ a }"), middleware={"a": 1})


def test_a_field_resolver(same):
    result = same(SCHEMA, "{ a box { b } }", field_resolver=lambda _s, info, **kw: f"{info.field_name} {kw}")

    assert result.data["a"] == "a {'n': 1}"


def test_what_resolvers_receive(oracle):
    seen = {}

    def ask(function):
        def resolver(source, info, **_):
            assert isinstance(info, GraphQLResolveInfo)
            seen.setdefault(function, []).append(
                (
                    info.path.as_list(), info.path.typename, info.field_name,
                    [n.loc.start for n in info.field_nodes],
                    str(info.return_type), str(info.parent_type), info.schema is SCHEMA, list(info.fragments),
                    info.root_value, info.operation.name.value, info.variable_values.coerced, info.context,
                    info.is_awaitable(1), info.abort_signal, len(info.async_helpers),
                )
            )  # fmt: skip
            return [1] if info.field_name == "list" else BOX if info.field_name in {"box", "list"} else "v"

        document = parse("query Q($n: Int = 4) { a(n: $n) ...F box { b list } } fragment F on Query { box { b } }")
        return function(SCHEMA, document, "root", {"c": 1}, field_resolver=resolver)

    assert oracle.answer(ask(execute)) == oracle.answer(ask(interpret))
    assert sorted(seen[execute], key=repr) == sorted(seen[interpret], key=repr)


def test_helpers_for_asynchronous_work(same):
    async def one():
        await asyncio.sleep(1)
        return "one"

    async def gathers(info):
        return "".join(await info.async_helpers.gather([one(), one()]))

    same(SCHEMA, "{ later }", {"later": gathers})


def test_predicates_of_the_caller(same):
    class Promise:
        def __init__(self, value):
            self.value = value

    async def main():
        return "x"

    class Wrapped:
        def __await__(self):
            return main().__await__()

    same(SCHEMA, "{ later a }", {"later": Wrapped(), "a": "q"})
    same(SCHEMA, "{ later }", {"later": Promise("x")}, is_awaitable=lambda _: False)
    same(SCHEMA, "{ box { list } }", {"box": {"list": [1]}}, is_async_iterable=lambda _: False)


def test_a_hook_after_the_work():
    calls = []
    hooks = ExecutionHooks(async_work_finished=calls.append)

    execute(SCHEMA, parse("{ a }"), {"a": "x"}, hooks=hooks)
    asyncio.run(execute(SCHEMA, parse("{ later }"), ROOT, hooks=hooks))

    assert len(calls) == 2


def test_an_executor_of_the_caller_is_used_as_it_is():
    class Own(Executor):
        def complete_leaf_value(self, return_type, result):
            return f"own {result}"

    assert execute(SCHEMA, parse("{ a }"), {"a": "x"}, executor_class=Own).data == {"a": "own x"}


@pytest.mark.parametrize("check", [True, False])
def test_synchronous_execution(check):
    result = execute_sync(
        SCHEMA, parse("{ a box { b } }"), ROOT, executor_class=CompiledExecutor, check_sync=check
    )

    assert result.data == {"a": "a1", "box": {"b": "b"}}
    assert graphql_sync(SCHEMA, "{ a }", ROOT, executor_class=CompiledExecutor).data == {"a": "a1"}


def test_a_schema_that_is_not_valid():
    with pytest.raises(TypeError, match="Query root type must be provided"):
        execute(build_schema("type A { a: Int }"), parse("{ a }"))


def test_nothing_awaitable_gives_a_result_at_once():
    assert execute(SCHEMA, parse("{ a }"), ROOT).data == {"a": "a1"}
