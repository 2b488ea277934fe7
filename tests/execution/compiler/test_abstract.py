"""Interfaces and unions, by `resolve_type`, `is_type_of` or `__typename`, at once or awaited."""

import asyncio

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    build_schema,
)


async def answers(value, seconds=0.0):
    await asyncio.sleep(seconds)
    if isinstance(value, Exception):
        raise value
    return value


def schema_of(resolve_type=None, cat=None, dog=None):
    pet = GraphQLInterfaceType("Pet", {"name": GraphQLField(GraphQLString)}, resolve_type=resolve_type)

    def kind(name, is_type_of):
        fields = {
            "name": GraphQLField(GraphQLString),
            name.lower(): GraphQLField(GraphQLNonNull(GraphQLString)),
            "friend": GraphQLField(pet),
        }
        return GraphQLObjectType(name, fields, interfaces=[pet], is_type_of=is_type_of)

    cats, dogs = kind("Cat", cat), kind("Dog", dog)
    either = GraphQLUnionType("Either", [cats, dogs], resolve_type=resolve_type)
    query = GraphQLObjectType(
        "Query",
        {
            "pet": GraphQLField(pet),
            "pets": GraphQLField(GraphQLList(pet)),
            "either": GraphQLField(GraphQLList(GraphQLNonNull(either))),
            "cat": GraphQLField(cats),
            "cats": GraphQLField(GraphQLList(GraphQLNonNull(cats))),
        },
    )
    return GraphQLSchema(query, types=[GraphQLObjectType("Stone", {"name": GraphQLField(GraphQLString)})])


QUERY = """{
  pet { name ... on Cat { cat friend { name __typename } } ... on Dog { dog } }
  pets { __typename name ... on Dog { dog friend { name } } }
  either { ... on Cat { cat } ... on Dog { dog } }
  cat { cat } cats { name cat }
}"""


def pet(kind, **members):
    return {"kind": kind, "name": kind, kind.lower(): kind, "friend": {"kind": "Cat", "name": "f"}, **members}


def root():
    pets = [pet("Cat"), pet("Dog"), None, pet("Cat"), pet("Nope"), pet("Stone"), pet("Dog", dog=None)]
    return {
        "pet": pet("Cat"),
        "pets": pets,
        "either": pets[:2],
        "cat": pet("Cat"),
        "cats": [pet("Cat"), pet("Dog")],
    }


def kind_is(name):
    return lambda value, _info: value["kind"] == name


RESOLVERS = {
    "name": lambda value, _info, _type: value["kind"],
    "awaited": lambda value, _info, _type: answers(value["kind"]),
    "some awaited": lambda value, _i, _t: answers(value["kind"]) if value["kind"] == "Dog" else value["kind"],
    "none": lambda *_: None,
    "number": lambda *_: 5,
    "raises": lambda *_: {}["x"],
    "awaited failure": lambda *_: answers(ValueError("later")),
}


@pytest.mark.parametrize("resolve_type", RESOLVERS.values(), ids=RESOLVERS)
def test_resolve_type(same, resolve_type):
    same(schema_of(resolve_type), QUERY, root)


IS_TYPE_OF = {
    "sync": (kind_is("Cat"), kind_is("Dog")),
    "async": (lambda v, _: answers(v["kind"] == "Cat"), lambda v, _: answers(v["kind"] == "Dog", 1)),
    "mixed": (lambda v, _: answers(v["kind"] == "Cat"), kind_is("Dog")),
    "one": (kind_is("Cat"), None),
    "raises": (lambda *_: {}["x"], kind_is("Dog")),
    "fails later": (lambda *_: answers(ValueError("later")), None),
}


@pytest.mark.parametrize(("cat", "dog"), IS_TYPE_OF.values(), ids=IS_TYPE_OF)
def test_is_type_of(same, cat, dog):
    same(schema_of(cat=cat, dog=dog), QUERY, root)


@pytest.mark.parametrize(("cat", "dog"), IS_TYPE_OF.values(), ids=IS_TYPE_OF)
def test_both_are_asked(same, cat, dog):
    same(schema_of(RESOLVERS["name"], cat, dog), QUERY, root)


def test_typename_in_the_value(same):
    class Cat:
        __typename = "Cat"
        name = cat = "attribute"
        friend = None

    values = {"pet": Cat(), "pets": [{"__typename": "Dog", "name": "d"}, Cat(), {}], "either": [Cat()]}
    same(schema_of(), QUERY, values)


def test_a_type_resolver_of_the_caller(same):
    same(schema_of(), QUERY, root, type_resolver=lambda value, _info, _type: value["kind"])


def test_info_tells_where(same):
    seen = []

    def resolve_type(value, info, abstract):
        seen.append((info.path.as_list(), info.field_name, str(abstract)))
        return value["kind"]

    same(schema_of(resolve_type), "{ pets { name } }", {"pets": [pet("Cat")]})

    assert seen == [(["pets"], "pets", "Pet")] * 2


def test_many_possible_types_are_compiled_when_they_come(same):
    """A document with a wide interface at several levels must not be compiled for all combinations."""
    kinds = " ".join(f"type T{i} implements N {{ n: N i: Int f{i}: Int }}" for i in range(40))
    schema = build_schema(f"interface N {{ n: N i: Int }} type Query {{ n: N }} {kinds}")
    value = None
    for i in (3, 17, 39, 17):
        value = {"__typename": f"T{i}", "n": value, "i": i, f"f{i}": i}

    level = "i ... on T3 { f3 } ... on T17 { f17 }"
    result = same(schema, f"{{ n {{ {level} n {{ {level} n {{ {level} n {{ {level} }} }} }} }} }}", {"n": value})

    assert result.data["n"]["f17"] == 17
