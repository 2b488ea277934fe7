"""Time of the compiled executor beside graphql-core and hand-written Python; run by hand, ratios count."""

import asyncio
import gc
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse
from graphql import execute as interpret
from graphql.execution import get_variable_values

from bff.execution.compiler import compiled_executor
from bff.execution.compiler.cache import CompiledOperation
from bff.execution.compiler.plan import Options

ROW = {name: f"text {name}" for name in "abcdefgh"} | {"i": 1, "j": 2, "x": 1.5, "y": True}


@dataclass(slots=True)
class Row:
    a: str
    b: str
    c: str
    d: str
    e: str
    f: str
    g: str
    h: str
    i: int
    j: int
    x: float
    y: bool


@dataclass(slots=True)
class User:
    id: str
    name: str


@dataclass(slots=True)
class Post:
    id: str
    title: str
    user_id: str


@dataclass(slots=True)
class Tree:
    name: str
    left: Any
    right: Any


def tree(depth: int) -> Any:
    return Tree(f"n{depth}", tree(depth - 1), tree(depth - 1)) if depth else None


SCHEMA = build_schema("""
type Query { posts: [Post!]! rows: [Row!]! dicts: [Row!]! tree: Tree }
type Post { id: ID! title: String! user: User alone: User }
type User { id: ID! name: String! }
type Row { a: String! b: String! c: String! d: String e: String f: String g: String! h: String!
           i: Int! j: Int! x: Float! y: Boolean! }
type Tree { name: String! left: Tree right: Tree }
""")
POSTS = [Post(str(i), f"title {i}", str(i % 10)) for i in range(100)]
USERS = {str(i): User(str(i), f"user {i}") for i in range(10)}
ROWS = [Row(**ROW) for _ in range(2000)]
DICTS = [dict(ROW) for _ in range(2000)]
TREE = tree(8)


async def posts(*_: Any) -> list[Post]:
    return POSTS


async def user(post: Post, _info: Any) -> User:
    return USERS[post.user_id]


async def users(parents: list[Post], _info: Any, _arguments: dict[str, Any], _path_of: Any) -> list[User]:
    return [USERS[post.user_id] for post in parents]


def prepare(schema: GraphQLSchema) -> None:
    fields = schema.type_map["Query"].fields
    fields["posts"].resolve = posts
    fields["rows"].resolve = lambda *_: ROWS
    fields["dicts"].resolve = lambda *_: DICTS
    fields["tree"].resolve = lambda *_: TREE
    schema.type_map["Post"].fields["user"].resolve = user
    schema.type_map["Post"].fields["alone"].resolve = user


def hand_posts() -> Any:
    return {
        "posts": [
            {"id": p.id, "title": p.title, "user": {"id": (u := USERS[p.user_id]).id, "name": u.name}}
            for p in POSTS
        ]
    }


def hand_rows() -> Any:
    return {
        "rows": [
            {
                "a": s.a, "b": s.b, "c": s.c, "d": s.d, "e": s.e, "f": s.f,
                "g": s.g, "h": s.h, "i": s.i, "j": s.j, "x": s.x, "y": s.y,
            }
            for s in ROWS
        ]
    }  # fmt: skip


def hand_dicts() -> Any:
    return {
        "dicts": [
            {
                "a": s["a"], "b": s["b"], "c": s["c"], "d": s["d"], "e": s["e"], "f": s["f"],
                "g": s["g"], "h": s["h"], "i": s["i"], "j": s["j"], "x": s["x"], "y": s["y"],
            }
            for s in DICTS
        ]
    }  # fmt: skip


def hand_tree() -> Any:
    def one(node: Any) -> Any:
        return node and {"name": node.name, "left": one(node.left), "right": one(node.right)}

    return {"tree": one(TREE)}


FIELDS = "a b c d e f g h i j x y"
NESTED = "name"
for _ in range(8):
    NESTED = f"name left {{ {NESTED} }} right {{ {NESTED} }}"
CASES = {
    "posts, joined": ("{ posts { id title user { id name } } }", hand_posts),
    "posts, each alone": ("{ posts { id title user: alone { id name } } }", hand_posts),
    "2,000 x 12": (f"{{ rows {{ {FIELDS} }} }}", hand_rows),
    "2,000 x 12 dicts": (f"{{ dicts {{ {FIELDS} }} }}", hand_dicts),
    "tree of 255": (f"{{ tree {{ {NESTED} }} }}", hand_tree),
}


async def microseconds(function: Any, seconds: float) -> float:
    """Return the shortest time of one call, of several rounds."""
    rounds = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(rounds) < 3:
        start = time.perf_counter()
        for _ in range(5):
            result = function()
            if asyncio.iscoroutine(result):
                await result
        rounds.append((time.perf_counter() - start) / 5)
    return min(rounds) * 1e6


async def main() -> None:
    prepare(SCHEMA)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    post_user = SCHEMA.type_map["Post"].fields["user"]
    executor = compiled_executor(batch_of=lambda field: users if field is post_user else None)
    gc.freeze()
    print(f"{'':18}{'by hand':>12}{'compiled':>12}{'core':>12}{'of hand':>9}{'of core':>9}   us, ratios")
    for name, (text, hand) in CASES.items():
        document = parse(text)
        run = lambda document=document: interpret(SCHEMA, document, executor_class=executor)  # noqa: E731
        result = run()
        result = await result if asyncio.iscoroutine(result) else result
        assert (result.data, result.errors) == (hand(), None)
        own = await microseconds(run, seconds)
        by_hand = await microseconds(hand, seconds)
        core = await microseconds(lambda document=document: interpret(SCHEMA, document), seconds)
        print(f"{name:18}{by_hand:12.1f}{own:12.1f}{core:12.1f}{own / by_hand:9.2f}{core / own:9.1f}")
    compile_time()


def compile_time() -> None:
    from schema import schema as application  # noqa: PLC0415 - the reference application is not needed above

    document = parse((Path(__file__).parents[2] / "schema/operations/home.graphql").read_text())
    operation = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    fragments = {one.name.value: one for one in document.definitions if one is not operation}
    schema = application._schema
    variables = get_variable_values(schema, operation.variable_definitions, {})
    best = 1e9
    for _ in range(20):
        start = time.process_time()
        program = CompiledOperation(schema, operation, fragments, Options(lambda _: None)).program(variables)
        best = min(best, time.process_time() - start)
    lines = sum(text.count("\n") for text in program.source)
    print(f"compiling home.graphql: {best * 1e3:.2f} ms, {lines} lines")


if __name__ == "__main__":
    asyncio.run(main())
