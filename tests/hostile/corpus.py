"""Attacks by document, variables and body: each a name and the bytes of an HTTP body."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

SCHEMA = """
interface Node { id: ID!  next: Node  nodes(first: Int): [Node]  name: String }
type A implements Node { id: ID!  next: Node  nodes(first: Int): [Node]  name: String  a: String  box: Node }
type B implements Node { id: ID!  next: Node  nodes(first: Int): [Node]  name: String  b: String  box: Node }
type C implements Node { id: ID!  next: Node  nodes(first: Int): [Node]  name: String  c: String  box: Node }
type D implements Node { id: ID!  next: Node  nodes(first: Int): [Node]  name: String  d: String  box: Node }
union Any = A | B | C | D
input Filter { text: String  and: [Filter!]  not: Filter  number: Int  list: [[[Int]]] }
scalar Json
enum Color { RED GREEN }
type Query {
  node(id: ID): Node
  any: Any
  things(first: Int, filter: Filter, json: Json, color: Color, float: Float, ids: [ID!]): [Node]
  name: String
}
type Mutation { set(value: Int): Node  name: String }
"""


@dataclass(frozen=True)
class Attack:
    """One request that means harm.

    Attributes:
        name: What it tries.
        body: What is sent.
        runs: Whether answering it is fine, so long as it is quick.
    """

    name: str
    body: bytes
    runs: bool = False

    def __str__(self) -> str:
        return self.name


def request(query, variables=None, **more):
    return json.dumps(
        {"query": query, **({"variables": variables} if variables is not None else {}), **more}
    ).encode()


def attacks() -> list[Attack]:
    """Return all attacks; their names are unique."""
    found = [
        *documents(),
        *other_kinds(),
        *fragments(),
        *introspection(),
        *values(),
        *bodies(),
    ]
    assert len({one.name for one in found}) == len(found)
    return found


def documents() -> Iterator[Attack]:
    """Documents that are too much of something."""

    def attack(name, text, *, runs=False):
        return Attack(name, request(text), runs)

    yield attack("depth just over", "{node" + "{next" * 15 + "{id}" + "}" * 16)
    yield attack("depth of hundreds", "{node" + "{next" * 400 + "{id}" + "}" * 401)
    yield attack("depth of thousands", "{node" + "{next" * 20_000 + "{id}" + "}" * 20_001)
    yield attack("depth never closed", "{a" * 30_000)
    yield attack("inline fragments nested", "{" + "...{" * 300 + "name" + "}" * 301)
    yield attack("inline fragments of thousands", "{" + "...{" * 20_000 + "name" + "}" * 20_001)
    yield attack("aliases", "{" + " ".join(f"a{i}:name" for i in range(300)) + "}")
    yield attack("aliases of thousands", "{" + " ".join(f"a{i}:name" for i in range(15_000)) + "}")
    yield attack(
        "aliases of one costly field", "{" + " ".join(f"a{i}:things(first:90){{id}}" for i in range(19)) + "}"
    )
    yield attack("root fields", "{" + " ".join(f"f{i}" for i in range(200)) + "}")
    yield attack("root fields through a fragment", "{...F} fragment F on Query{" + "name " * 300 + "}")
    yield attack("one field repeated", "{" + "name " * 990 + "}")
    yield attack("one object repeated", "{" + "node{id} " * 240 + "}")
    yield attack("objects repeated in objects", "{" + ("node{" + "next{id name} " * 20 + "}") * 8 + "}")
    yield attack("tokens", "{" + "name, " * 1500 + "}")
    yield attack("tokens of many thousands", "{" + "a " * 100_000 + "}")
    yield attack("only braces", "{" * 200_000)
    yield attack("only brackets", "query(" + "[" * 100_000)
    yield attack("only commas", "{name}" + "," * 200_000)
    yield attack("only a comment", "#" + "x" * 250_000)
    yield attack("a comment on each line", "{name}" + "#\n" * 50_000)
    yield attack("directives repeated", "{name" + " @include(if:true)" * 150 + "}")
    yield attack("directives unknown", "{name" + " @a" * 490 + "}")
    yield attack("directives of thousands", "{name" + " @a" * 50_000 + "}")
    yield attack("directives on an operation", "query" + " @a" * 300 + "{name}")
    yield attack("directives on a spread", "{...F" + " @a" * 300 + "} fragment F on Query{name}")
    yield attack("a name without end", "{" + "n" * 250_000 + "}")
    yield attack("a string without end", '{node(id:"' + "x" * 250_000)
    yield attack("a block string without end", '{node(id:"""' + '\\"""' * 40_000)
    yield attack("operations", " ".join(f"query q{i}{{name}}" for i in range(190)), runs=False)
    yield attack("operations of one name", "query q{name} " * 240)
    yield attack("operations without a name", "{name} " * 300)
    yield attack("variables defined", "query(" + " ".join(f"$v{i}:Int" for i in range(190)) + "){name}")
    yield attack("variables of one name", "query(" + "$v:Int " * 190 + "){name}")
    yield attack("a type of lists of lists", "query($v:" + "[" * 240 + "Int" + "]" * 240 + "){name}")
    yield attack("a type of lists without end", "query($v:" + "[" * 60_000 + "Int" + "]" * 60_000 + "){name}")
    yield attack("arguments repeated", "{things(" + "first:1 " * 240 + "){id}}")
    yield attack("arguments unknown", "{things(" + " ".join(f"x{i}:1" for i in range(240)) + "){id}}")
    yield attack("unknown fields", "{node{" + " ".join(f"x{i}" for i in range(900)) + "}}")
    yield attack("unknown names that nearly fit", "{node{" + " ".join(f"nextt{i}" for i in range(450)) + "}}")
    yield attack("definitions of types", "type T{a:Int} " * 160)
    yield attack("conflicting fields", "{" + " ".join(f"x:f{i % 7}" for i in range(180)) + "}")
    conflict = "x:next{" * 12 + "id" + "}" * 12
    yield attack("conflicts at every depth", "{node{" + f"{conflict} " * 8 + "}}")
    yield attack("lists within lists", "{things(first:50)" + "{nodes(first:50)" * 6 + "{id}" + "}" * 7)
    yield attack("a list of a million", "{things(first:1000000){id}}")
    yield attack("a list of less than nothing", "{things(first:-5){id}}", runs=True)


def other_kinds() -> Iterator[Attack]:
    """Mutations and subscriptions."""

    def attack(name, text):
        return Attack(name, request(text))

    yield attack("mutations", "mutation{" + " ".join(f"m{i}:set(value:1){{id}}" for i in range(150)) + "}")
    yield attack("a subscription", "subscription{name}")


def fragments() -> Iterator[Attack]:
    """Fragments that multiply or run in circles."""

    def attack(name, text, *, runs=False):
        return Attack(name, request(text), runs)

    def chain(length, uses, inner="id", on="Node"):
        spreads = " ".join(["...F{n}"] * uses)
        parts = [f"fragment F{i} on {on}{{{spreads.replace('{n}', str(i + 1))} {inner}}}" for i in range(length)]
        return " ".join([*parts, f"fragment F{length} on {on}{{id}}"])

    yield attack("a fragment in itself", "{node{...F}} fragment F on Node{...F}")
    yield attack("a fragment in itself below a field", "{node{...F}} fragment F on Node{next{...F}}")
    yield attack("a circle of two", "{node{...F}} fragment F on Node{...G} fragment G on Node{...F}")
    circle = " ".join(f"fragment F{i} on Node{{next{{...F{(i + 1) % 60}}}}}" for i in range(60))
    yield attack("a circle of sixty", "{node{...F0}} " + circle)
    everybody = " ".join(f"...F{i}" for i in range(22))
    yield attack(
        "all fragments spread all",
        "{node{...F0}} " + " ".join(f"fragment F{i} on Node{{{everybody}}}" for i in range(22)),
    )
    yield attack("fragments doubling", "{node{...F0}} " + chain(40, 2))
    below = " ".join(f"fragment F{i} on Node{{a:next{{...F{i + 1}}} b:next{{...F{i + 1}}}}}" for i in range(14))
    yield attack("fields doubling through fragments", "{node{...F0}} " + below + " fragment F14 on Node{id}")
    deep = " ".join(f"fragment F{i} on Node{{next{{...F{i + 1}}}}}" for i in range(60))
    yield attack("depth through fragments", "{node{...F0}} " + deep + " fragment F60 on Node{id}")
    six = " ".join(
        f"fragment F{i} on Node{{{' '.join(f'{letter}:next{{...F{i + 1}}}' for letter in 'abcdef')}}}"
        for i in range(12)
    )
    yield attack("six ways at every depth", "{node{...F0}} " + six + " fragment F12 on Node{id}")
    unused = " ".join(f"fragment U{i} on Node{{id}}" for i in range(160))
    yield attack("fragments nobody uses", "{name} " + unused)
    yield attack("fragments unknown", "{node{" + " ".join(f"...X{i}" for i in range(300)) + "}}")
    yield attack("fragments of one name", "{node{...F}} " + "fragment F on Node{id} " * 160)
    yield attack(
        "one fragment spread again and again", "{node{" + "...F " * 480 + "}} fragment F on Node{id}", runs=True
    )
    on_each = " ".join(f"... on {kind}{{box{{id}}}}" for kind in "ABCD")
    nested = on_each
    for _ in range(3):
        nested = " ".join(f"... on {kind}{{box{{{nested}}}}}" for kind in "AB")
    yield attack("every type at every depth", "{any{" + nested + "}}", runs=True)
    conditions = " ".join(f"$v{i}:Boolean!" for i in range(30))
    guarded = " ".join(
        f"fragment F{i} on Node{{...F{i + 1} @include(if:$v{i}) ...F{i + 1} @skip(if:$v{i}) id}}"
        for i in range(30)
    )
    text = f"query({conditions}){{node{{...F0}}}} {guarded} fragment F30 on Node{{id}}"
    yield Attack("fragments under thirty conditions", request(text, {f"v{i}": True for i in range(30)}))
    operations = " ".join(f"query q{i}{{node{{...F0}}}}" for i in range(40))
    yield attack("operations that share fragments", operations + " " + chain(40, 2))


def introspection() -> Iterator[Attack]:
    """Questions about the schema that explode."""

    def attack(name, text, *, runs=False):
        return Attack(name, request(text), runs)

    yield attack(
        "introspection of fields of fields", "{__schema{types" + "{fields{type" * 6 + "{name}" + "}}" * 6 + "}}"
    )
    of_type = "{ofType" * 13 + "{name}" + "}" * 13
    yield attack("introspection of wrapped types", '{__type(name:"A"){fields{type' + of_type + "}}}")
    yield attack(
        "introspection through possible types",
        "{__schema{types" + "{possibleTypes{interfaces" * 5 + "{name}" + "}}" * 5 + "}}",
    )
    yield attack(
        "introspection by aliases", "{" + " ".join(f's{i}:__type(name:"A"){{name}}' for i in range(60)) + "}"
    )
    yield attack(
        "introspection in a fragment",
        "{...F} fragment F on Query{__schema{types{fields{type{fields{type{fields{name}}}}}}}}",
    )


def values() -> Iterator[Attack]:
    """Literals and variables that are deep, long, huge or of the wrong kind."""
    filter_query = "query($f:Filter){things(filter:$f){id}}"
    json_query = "query($j:Json){things(json:$j){id}}"
    ids_query = "query($i:[ID!]){things(ids:$i){id}}"

    def nested(depth, leaf):
        value = leaf
        for _ in range(depth):
            value = {"not": value}
        return value

    def lists(depth):
        value = 1
        for _ in range(depth):
            value = [value]
        return value

    yield Attack("an input in itself", request(filter_query, {"f": nested(100, {"text": "x"})}))
    yield Attack(
        "an input in itself of thousands",
        raw_variables(filter_query, '{"f":' + '{"not":' * 8000 + "null" + "}" * 8000 + "}"),
    )
    yield Attack("lists in lists", request(json_query, {"j": lists(120)}))
    yield Attack(
        "lists in lists of thousands", raw_variables(json_query, '{"j":' + "[" * 60_000 + "]" * 60_000 + "}")
    )
    yield Attack("lists never closed", raw_variables(json_query, '{"j":' + "[" * 120_000))
    yield Attack("an input of the wrong kind", request(filter_query, {"f": lists(100)}))
    yield Attack("a list of wrong values", request(ids_query, {"i": [None] * 40_000}))
    yield Attack("a list of wrong objects", request(ids_query, {"i": [{}] * 40_000}))
    yield Attack("a list of inputs that do not fit", request(filter_query, {"f": {"and": [{"x": 1}] * 15_000}}))
    yield Attack("an input of unknown fields", request(filter_query, {"f": {f"x{i}": 1 for i in range(15_000)}}))
    yield Attack("variables nobody asked for", request("{name}", {f"v{i}": i for i in range(15_000)}))
    yield Attack(
        "a number of digits", raw_variables("query($n:Int){things(first:$n){id}}", '{"n":' + "9" * 5000 + "}")
    )
    yield Attack("a number of very many digits", raw_variables(json_query, '{"j":' + "9" * 200_000 + "}"))
    yield Attack(
        "a number with an exponent", raw_variables("query($n:Float){things(float:$n){id}}", '{"n":1e400}')
    )
    yield Attack("a huge exponent", raw_variables("query($n:Int){things(first:$n){id}}", '{"n":1e308}'))
    yield Attack("digits in the document", request("{things(first:" + "9" * 5000 + "){id}}"))
    yield Attack("very many digits in the document", request("{things(first:" + "9" * 200_000 + "){id}}"))
    yield Attack("a huge exponent in the document", request("{things(float:1e999999999){id}}"), runs=True)
    yield Attack("an integer beyond 32 bits", request("query($n:Int){things(first:$n){id}}", {"n": 2**40}))
    yield Attack("a list size by a default", request("query($n:Int=100000){things(first:$n){id}}"))
    yield Attack(
        "objects in the document", request("{things(filter:" + "{not:" * 150 + "{}" + "}" * 150 + "){id}}")
    )
    yield Attack(
        "objects in the document of thousands",
        request("{things(filter:" + "{not:" * 20_000 + "{}" + "}" * 20_000 + "){id}}"),
    )
    yield Attack("lists in the document", request("{things(json:" + "[" * 450 + "]" * 450 + "){id}}"))
    yield Attack(
        "lists in the document of thousands", request("{things(json:" + "[" * 60_000 + "]" * 60_000 + "){id}}")
    )
    yield Attack("a list in the document that does not fit", request("{things(ids:[" + "{} " * 300 + "]){id}}"))
    yield Attack("values of an enum that nearly fit", request("{things(color:" + "R" * 20_000 + "){id}}"))
    yield Attack("lone surrogates", raw_variables("query($i:ID){node(id:$i){id}}", '{"i":"\\ud800"}'))
    yield Attack("lone surrogates in the document", b'{"query":"{node(id:\\"\\ud800\\"){id}}"}')
    yield Attack("null bytes in the document", request("{na\x00me}"))


def bodies() -> Iterator[Attack]:
    """Bodies that are no request."""
    yield Attack("an empty body", b"")
    yield Attack("null", b"null")
    yield Attack("a number", b"9" * 250_000)
    yield Attack("a string", b'"' + b"x" * 250_000 + b'"')
    yield Attack("arrays without end", b"[" * 250_000)
    yield Attack("objects without end", b'{"a":' * 50_000)
    yield Attack("an array of requests", b"[" + b",".join([request("{name}")] * 5000) + b"]")
    yield Attack("a body over the limit", request("{name}", {"x": "y" * 400_000}))
    yield Attack("names repeated", b'{"query":"{name}",' + b'"query":"{name}",' * 5000 + b'"query":"{name}"}')
    yield Attack(
        "members nobody knows",
        b'{"query":"{name}",' + b",".join(b'"x%d":[{}]' % i for i in range(15_000)) + b"}",
        runs=True,
    )
    yield Attack(
        "extensions nested", b'{"query":"{name}","extensions":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}"
    )
    yield Attack("not UTF-8", b'{"query":"{name}\xff\xfe"}')
    yield Attack("NaN", b'{"query":"{name}","variables":{"x":NaN}}')
    yield Attack("escapes only", b'{"query":"' + b"\\u0020" * 40_000 + b'{name}"}', runs=True)
    yield Attack("spaces only", b" " * 250_000)
    yield Attack(
        "a hash that is none",
        b'{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"' + b"f" * 200_000 + b'"}}}',
    )
    yield Attack("a hash of the wrong kind", b'{"extensions":{"persistedQuery":{"version":1,"sha256Hash":[]}}}')
    yield Attack(
        "a version of the wrong kind", b'{"extensions":{"persistedQuery":{"version":{},"sha256Hash":"a"}}}'
    )
    yield Attack("persisted query that is a list", b'{"extensions":{"persistedQuery":[1]}}')
    yield Attack("an id of the wrong kind", b'{"documentId":{"a":1}}')
    yield Attack("an id without end", b'{"documentId":"' + b"x" * 200_000 + b'"}')


def raw_variables(query, variables):
    return b'{"query":' + json.dumps(query).encode() + b',"variables":' + variables.encode() + b"}"
