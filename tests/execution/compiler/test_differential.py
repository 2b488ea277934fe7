"""Whatever the schema, the document, the data and the faults: the answer is graphql-core's.

`COMPILER_CASES` sets how many are tried.
"""

import asyncio
import gc
import os
import warnings
from functools import partial
from random import Random

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    parse,
    specified_scalar_types,
    validate,
)
from graphql import execute as interpret
from graphql.pyutils import Undefined
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff.execution.compiler import execute

pytestmark = [
    # Both executors, like the drawn data itself, leave coroutines of lost parents alone.
    pytest.mark.filterwarnings("ignore:coroutine"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CASES = int(os.environ.get("COMPILER_CASES", "2000"))
PARTS = 4
QUICKLY = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True, "database": None}


def serialize_odd(value):
    if not isinstance(value, int) or value % 2 == 0:
        raise ValueError(f"{value!r} is not odd")
    return value


class World:
    """A schema with its resolvers and an operation on it, all drawn from one seed."""

    def __init__(self, seed, types, depth, faults, asynchronous, *, at_once=False):
        self.rng = Random(seed)
        self.at_once = at_once
        self.seed, self.depth, self.faults, self.asynchronous = seed, depth, faults, asynchronous
        self.members = {}
        self.variables, self.definitions, self.fragments = {}, [], []
        self.build(types)
        self.aliases = 0
        selections = self.selections(self.schema.query_type, depth)
        head = f"query Q({', '.join(self.definitions)})" if self.definitions else "query Q"
        self.text = f"{head} {selections}\n" + "\n".join(self.fragments)

    def build(self, count):
        rng = self.rng
        odd = GraphQLScalarType("Odd", coerce_output_value=serialize_odd)
        color = GraphQLEnumType("Color", {"RED": 1, "GREEN": "green", "BLUE": 3})
        leaves = [*specified_scalar_types.values(), odd, color]
        interface_field = self.wrapped(rng.choice(leaves))
        awaited = rng.choice(["none", "name", "types", "all"])
        interface = GraphQLInterfaceType(
            "I", {"i": GraphQLField(interface_field)}, resolve_type=self.type_resolver(awaited)
        )
        objects = []
        for number in range(count):
            implements = rng.random() < 0.6 or number == 0
            objects.append(
                GraphQLObjectType(
                    f"T{number}",
                    lambda number=number, implements=implements: {
                        **({"i": GraphQLField(interface_field, resolve=self.resolver("i"))} if implements else {}),
                        **self.members[number],
                    },
                    interfaces=[interface] if implements else [],
                    is_type_of=self.is_type_of(f"T{number}", awaited),
                )
            )
        union = GraphQLUnionType("U", objects, resolve_type=self.type_resolver(awaited))
        composites = [*objects, interface, union]
        for number in range(count):
            self.members[number] = {
                f"t{number}f{index}": self.field(f"t{number}f{index}", leaves, composites)
                for index in range(rng.randint(1, 4))
            }
        query = {f"q{index}": self.field(f"q{index}", leaves, composites) for index in range(rng.randint(1, 4))}
        self.schema = GraphQLSchema(GraphQLObjectType("Query", query), types=objects)

    def wrapped(self, inner):
        rng = self.rng
        if rng.random() < 0.4:
            inner = GraphQLNonNull(inner)
        for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
            inner = GraphQLList(inner)
            if rng.random() < 0.4:
                inner = GraphQLNonNull(inner)
        return inner

    def field(self, name, leaves, composites):
        rng = self.rng
        kind = self.wrapped(rng.choice(leaves if rng.random() < 0.5 else composites))
        arguments = {"n": GraphQLArgument(GraphQLInt, default_value=7)} if rng.random() < 0.2 else {}
        return GraphQLField(kind, args=arguments, resolve=self.resolver(name))

    def resolver(self, name):
        """Return a resolver, or None where the parent's member or attribute is read."""
        mode = self.rng.choice(["member", "member", "sync", "async"])
        if mode == "member":
            return None
        seed = self.rng.random()

        def value(info, arguments):
            rng = Random(f"{seed} {info.path.as_list()} {sorted(arguments.items())}")
            return self.value(info.return_type, rng, 3)

        def sync(_source, info, **arguments):
            return raised(value(info, arguments))

        async def later(_source, info, **arguments):
            await asyncio.sleep(self.delay(info, seed))
            return raised(value(info, arguments))

        return later if mode == "async" and self.asynchronous else sync

    def type_resolver(self, awaited):
        if awaited == "types":
            return None

        def resolve(value, info, _abstract):
            name = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
            if name == "raise":
                raise ValueError("no type")
            if awaited in {"name", "all"} and self.asynchronous:
                return answered(name, self.delay(info, value))
            return name

        return resolve

    def is_type_of(self, name, awaited):
        if awaited == "none":
            return None

        def is_type_of(value, info):
            found = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
            if awaited == "all" and self.asynchronous:
                return answered(found == name, self.delay(info, f"{value!r} {name}"))
            return found == name

        return is_type_of

    def delay(self, info, what):
        """Return how long an answer takes: never as long as another one, or nothing at all."""
        return 0 if self.at_once else Random(f"{self.seed} {info.path.as_list()} {what!r}").random()

    def value(self, wanted, rng, depth):  # noqa: PLR0911 - each kind of type has its own
        """Return a value for the type *wanted*, wrong at times."""
        if rng.random() < self.faults:
            return rng.choice(
                [None, None, Raise("raised"), ValueError("returned"), "wrong", 2.5, {"no": 1}, Undefined,
                 GraphQLError("ours"), [], [None], 10**12, float("nan")]
            )  # fmt: skip
        if isinstance(wanted, GraphQLNonNull):
            return self.value(wanted.of_type, rng, depth)
        if isinstance(wanted, GraphQLList):
            items = [self.value(wanted.of_type, rng, depth) for _ in range(rng.randint(0, 3))]
            items = [ValueError("item") if isinstance(one, Raise) else one for one in items]
            if depth == 3 and self.asynchronous and rng.random() < 0.1:
                return [answered(one, rng.random()) for one in items]
            if depth == 3 and rng.random() < 0.1:
                return iter(items)
            return tuple(items) if rng.random() < 0.2 else items
        if rng.random() < 0.1:
            return None
        if wanted.name in LEAVES:
            return rng.choice(LEAVES[wanted.name])
        return self.object(wanted, rng, depth)

    def object(self, wanted, rng, depth):
        if isinstance(wanted, GraphQLObjectType):
            name = wanted.name
        else:
            name = rng.choice([one.name for one in self.schema.get_possible_types(wanted)])
        kind = self.schema.type_map[name]
        if rng.random() < self.faults:
            name = rng.choice(["raise", "Nope", "Query", "Odd", None, 5])
        members = {"kind": name}
        if depth:
            for key, field in kind.fields.items():
                if field.resolve is None and rng.random() < 0.95:
                    value = self.value(field.type, rng, depth - 1)
                    members[key] = Method(value) if rng.random() < 0.1 else value
        members = {key: ValueError("member") if isinstance(one, Raise) else one for key, one in members.items()}
        return members if rng.random() < 0.5 else Thing(members)

    def selections(self, parent, depth):
        rng = self.rng
        parts = [self.selection(parent, depth) for _ in range(rng.randint(1, 4))]
        return "{ " + " ".join(parts) + " }"

    def selection(self, parent, depth):
        rng = self.rng
        roll = rng.random()
        if roll < 0.1 or isinstance(parent, GraphQLUnionType):
            return "__typename" + self.condition() if roll < 0.1 or not depth else self.fragment(parent, depth)
        if roll < 0.3 and depth:
            return self.fragment(parent, depth)
        names = list(parent.fields)
        name = rng.choice(names)
        field = parent.fields[name]
        inner = field.type
        while hasattr(inner, "of_type"):
            inner = inner.of_type
        composite = not (hasattr(inner, "coerce_output_value"))
        if composite and not depth:
            return "__typename"
        text = name
        if rng.random() < 0.3 or field.args:
            self.aliases += 1
            text = f"a{self.aliases}: {name}"
        if field.args:
            text += self.arguments()
        text += self.condition()
        return text + (" " + self.selections(inner, depth - 1) if composite else "")

    def arguments(self):
        choice = self.rng.choice(["", "(n: 3)", "(n: null)", "variable"])
        if choice != "variable":
            return choice
        name = f"v{len(self.definitions)}"
        self.definitions.append(f"${name}: Int" + self.rng.choice(["", " = 5"]))
        if self.rng.random() < 0.7:
            self.variables[name] = self.rng.choice([1, 2, None])
        return f"(n: ${name})"

    def condition(self):
        rng = self.rng
        if rng.random() < 0.85:
            return ""
        value = rng.choice(["true", "false"])
        if rng.random() < 0.5:
            name = f"c{len(self.definitions)}"
            self.definitions.append(f"${name}: Boolean!" + rng.choice(["", " = true"]))
            self.variables[name] = rng.random() < 0.5
            value = f"${name}"
        return f" @{rng.choice(['skip', 'include'])}(if: {value})"

    def fragment(self, parent, depth):
        rng = self.rng
        kinds = [parent]
        if not isinstance(parent, GraphQLObjectType):
            kinds = list(self.schema.get_possible_types(parent))
        elif parent.interfaces:
            kinds.append(parent.interfaces[0])
        kind = rng.choice(kinds)
        inner = self.selections(kind, depth - 1)
        if rng.random() < 0.5:
            return f"... on {kind.name}{self.condition()} {inner}"
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {kind.name} {inner}")
        return f"...{name}{self.condition()}" + (f" ...{name}" if rng.random() < 0.2 else "")


LEAVES = {
    "Int": [1, 0, -5, True, 3.0, "12"],
    "Float": [1.5, 2, True, "2.5"],
    "String": ["text", 5, True, 1.5],
    "Boolean": [True, False, 1, 0.0],
    "ID": ["id", 7],
    "Odd": [1, 3, 2],
    "Color": [1, "green", 3],
}


class Raise(Exception):
    """Stands for a value that raises when it is asked for."""


class Method:
    """A member that the default resolver calls."""

    def __init__(self, value):
        self.value = value

    def __call__(self, _info):
        return raised(self.value)

    def __repr__(self):
        return f"Method({self.value!r})"


class Thing:
    """An object with attributes."""

    def __init__(self, members):
        self.__dict__.update(members)

    def __repr__(self):
        return f"Thing({self.__dict__})"


def raised(value):
    if isinstance(value, Raise):
        raise ValueError("raised")  # noqa: TRY004 - it is the fault that is tested
    return value


async def answered(value, delay):
    if delay:
        await asyncio.sleep(delay)
    if isinstance(value, Exception):
        raise value
    return value


def answers(world, oracle):
    """Return our answer and graphql-core's."""
    document = parse(world.text)
    assert validate(world.schema, document) == [], world.text
    results = []
    for function in (execute, interpret):
        root = world.value(world.schema.query_type, Random(world.seed), 3)
        ask = partial(function, world.schema, document, root, variable_values=world.variables)
        result, left = oracle.run(ask)
        results.append(result)
        assert left == 0 or function is interpret
    return results


sizes = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "types": st.integers(1, 4),
        "depth": st.integers(1, 4),
        "faults": st.sampled_from([0.0, 0.02, 0.1]),
        "asynchronous": st.booleans(),
    }
)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@settings(max_examples=CASES // PARTS, **QUICKLY)
@given(sizes)
def test_the_answer_is_that_of_graphql_core(oracle, part, size):
    world = World(**size)
    actual, expected = answers(world, oracle)

    assert oracle.answer(actual) == oracle.answer(expected), world.text
    assert oracle.keys(actual.data) == oracle.keys(expected.data), world.text


@settings(max_examples=CASES // 10, **QUICKLY)
@given(sizes)
def test_data_is_that_of_graphql_core_when_all_answers_come_at_once(oracle, size):
    """What fails in the same turn of the event loop may be told in another order, see the README."""
    world = World(**size, at_once=True)
    actual, expected = answers(world, oracle)

    assert actual.data == expected.data, world.text
    assert bool(actual.errors) == bool(expected.errors)


@pytest.fixture(scope="module", autouse=True)
def dropped_coroutines():
    """Collect what graphql-core drops where nobody minds."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        gc.collect()
