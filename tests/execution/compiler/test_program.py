"""Programs: read in tracebacks, compiled once, kept within bounds."""

import gc
import linecache
import threading
import traceback

import pytest
from graphql import build_schema, parse
from graphql.execution import get_variable_values

from bff.execution.compiler import CompiledExecutor, CompiledOperation, Operations, compiled_executor, execute
from bff.execution.compiler.cache import VARIANTS, Recent
from bff.execution.compiler.execute import KEY, no_batch
from bff.execution.compiler.plan import Options

SCHEMA = build_schema("type Query { a(n: Int): String b: Int c: Int d: Int e: Int f: Int box: Query }")


def broken(*_, **__):
    raise ValueError("broken")


def compiled(text, schema=SCHEMA):
    document = parse(text)
    operation, *others = document.definitions
    fragments = {one.name.value: one for one in others}
    return CompiledOperation(schema, operation, fragments, Options(no_batch)), operation


def program(text, variables=None):
    operation, node = compiled(text)
    return operation.program(get_variable_values(SCHEMA, node.variable_definitions or (), variables or {}))


def test_a_traceback_shows_the_generated_source():
    result = execute(SCHEMA, parse("query Screen { a(n: 1) }"), field_resolver=broken)

    (error,) = result.errors
    text = "".join(traceback.format_exception(error.original_error))
    assert "<compiled Screen" in text
    assert "return resolve(s, info, **args)" in text


def test_source_is_forgotten_with_its_program():
    before = {name for name in linecache.cache if name.startswith("<compiled")}
    made = program("query Forgotten { a }")
    assert any("Forgotten" in name for name in linecache.cache)

    del made
    gc.collect()

    assert not any("Forgotten" in name for name in set(linecache.cache) - before)


def test_source_is_kept_with_the_program():
    (text,) = program("{ b box { c } }").source

    assert "def object_0(run, wave):  # Query" in text


def test_names_from_outside_cannot_become_code():
    """What a client sends stands in the source as literals only."""
    text = program("query X { x: a(n: 1) __typename }").source[0]

    compile(text, "x", "exec")
    assert "'x': None" in text


@pytest.mark.parametrize("again", [False, True])
def test_an_operation_is_compiled_once(again):
    schema = build_schema("type Query { a: Int }")
    document = parse("{ a }")
    for _ in range(3):
        execute(schema, parse("{ a }") if again else document, {"a": 1})

    assert len(schema.extensions[KEY]._kept) == 1


def test_a_changed_document_with_the_same_text_is_another_one():
    schema = build_schema("type Query { a: Int b: Int }")
    first, second = parse("{ a }"), parse("{ b }")
    object.__setattr__(second.definitions[0], "loc", first.definitions[0].loc)

    assert execute(schema, first, {"a": 1, "b": 2}).data == {"a": 1}
    assert execute(schema, second, {"a": 1, "b": 2}).data == {"b": 2}


def test_schemas_do_not_mix():
    one, two = build_schema("type Query { a: Int }"), build_schema("type Query { a: String }")
    operations = Operations()
    executor = compiled_executor(operations=operations)
    document = parse("{ a }")

    assert execute(one, document, {"a": 1}, executor_class=executor).data == {"a": 1}
    assert execute(two, document, {"a": 1}, executor_class=executor).data == {"a": "1"}


def test_no_more_operations_are_kept_than_asked_for():
    operations = Operations(size=3)
    executor = compiled_executor(operations=operations)

    for number in range(10):
        execute(SCHEMA, parse(f"{{ b{number}: b }}"), {"b": 1}, executor_class=executor)

    assert len(operations._kept) == 3


def test_no_more_variants_are_kept_than_the_bound():
    names = [f"v{i}" for i in range(6)]
    heads = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{field} @include(if: ${name})" for field, name in zip("bcdef", names, strict=False))
    operation, node = compiled(f"query ({heads}) {{ {fields} x: b @skip(if: $v5) }}")

    for number in range(64):
        variables = {name: bool(number >> bit & 1) for bit, name in enumerate(names)}
        operation.program(get_variable_values(SCHEMA, node.variable_definitions or (), variables))

    assert len(operation._programs) == VARIANTS


def test_who_asks_at_the_same_time_waits_for_one_compilation():
    recent, made, begin = Recent(10), [], threading.Barrier(8)

    def make():
        made.append(1)
        return "value"

    def ask():
        begin.wait()
        recent.get("key", make)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == [1]


def test_the_class_itself_is_an_executor():
    executor = CompiledExecutor.build(SCHEMA, parse("{ b }"), {"b": 3})

    assert executor.execute_operation().data == {"b": 3}
