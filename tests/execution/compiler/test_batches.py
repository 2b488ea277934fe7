"""A batched field is resolved once for all parents that are there at the time."""

import asyncio

import pytest
from graphql import build_schema, parse

from bff.execution.compiler import compiled_executor, execute

SCHEMA = build_schema("""
type Query { posts: [Post!] post: Post nested: [[Post]] strict: [Post!]! }
type Post { id: Int user(upper: Boolean = false): User must: User! name: String! tags: [String!] friends: [User!]!
            fails: Int! slow: Int }
type User { id: Int name: String posts: [Post!] }
""")
POSTS = [{"id": i, "name": f"p{i}"} for i in range(4)]


@pytest.fixture
def batch():
    """Return a class that executes with batch functions for fields by name, and remembers their calls."""

    class Batch:
        def __init__(self, **functions):
            self.calls = []
            fields = {
                id(field): (name, functions[name])
                for kind in ("Post", "User")
                for name, field in SCHEMA.type_map[kind].fields.items()
                if name in functions
            }

            def batch_of(field):
                if id(field) not in fields:
                    return None
                name, function = fields[id(field)]

                async def resolve(parents, info, arguments, path_of):
                    self.calls.append((name, [parent["id"] for parent in parents]))
                    self.info = info
                    self.paths = [path_of(place).as_list() for place in range(len(parents))]
                    return await function(parents, arguments)

                return resolve

            self.executor = compiled_executor(batch_of=batch_of)

        def run(self, oracle, query, root=None, **options):
            document = parse(query)
            root = root or {
                "posts": POSTS,
                "strict": POSTS,
                "post": POSTS[0],
                "nested": [POSTS[:2], None, [None, POSTS[2]]],
            }
            result, left = oracle.run(
                lambda: execute(SCHEMA, document, root, executor_class=self.executor, **options)
            )
            assert left == 0
            return result

    return Batch


async def users(parents, arguments):
    return [{"id": parent["id"] * 10, "name": str(arguments.get("upper"))} for parent in parents]


def test_one_call_for_all_parents(oracle, batch):
    it = batch(user=users)
    result = it.run(
        oracle, "{ posts { id user(upper: true) { id name } } post { user { name } } nested { user { id } } }"
    )

    assert result.errors is None
    assert [post["user"]["id"] for post in result.data["posts"]] == [0, 10, 20, 30]
    assert result.data["nested"] == [
        [{"user": {"id": 0}}, {"user": {"id": 10}}],
        None,
        [None, {"user": {"id": 20}}],
    ]
    assert it.calls == [("user", [0, 1, 2, 3]), ("user", [0]), ("user", [0, 1, 2])]


def test_info_names_the_first_parent(oracle, batch):
    it = batch(user=users)
    it.run(oracle, "{ posts { user { id } } }", context_value="context")

    assert (it.info.path.as_list(), it.info.context) == (["posts", 0, "user"], "context")


def test_the_path_of_each_parent_can_be_asked_for(oracle, batch):
    """What there is to say about one value is said at its own field."""
    it = batch(user=users)
    it.run(oracle, "{ nested { user { id } } }")

    assert it.paths == [["nested", 0, 0, "user"], ["nested", 0, 1, "user"], ["nested", 2, 1, "user"]]


def test_batches_follow_batches(oracle, batch):
    async def posts(parents, _arguments):
        return [[{"id": parent["id"] + 1}, {"id": parent["id"] + 2}] for parent in parents]

    it = batch(user=users, posts=posts)
    result = it.run(oracle, "{ posts { user { posts { user { id } } } } }")

    assert it.calls[-1] == ("user", [1, 2, 11, 12, 21, 22, 31, 32])
    assert result.data["posts"][3]["user"]["posts"][1]["user"]["id"] == 320


@pytest.mark.parametrize(
    ("value", "data", "errors"),
    [
        (None, [{"user": None}, {"user": {"id": 10}}], []),
        (ValueError("zero"), [{"user": None}, {"user": {"id": 10}}], [["posts", 0, "user"]]),
    ],
)
def test_each_parent_has_its_own_value(oracle, batch, value, data, errors):
    async def some(parents, _arguments):
        return [value if parent["id"] % 2 == 0 else {"id": parent["id"] * 10} for parent in parents]

    result = batch(user=some).run(oracle, "{ posts { user { id } } }", {"posts": POSTS[:2]})

    assert result.data == {"posts": data}
    assert [error.path for error in result.errors or ()] == errors


def test_one_null_may_take_the_list_with_it(oracle, batch):
    async def some(parents, _arguments):
        return [None if parent["id"] == 2 else {"id": 1} for parent in parents]

    result = batch(must=some).run(oracle, "{ posts { must { id } } }")

    assert result.data == {"posts": None}
    assert [(error.path, error.message) for error in result.errors] == [
        (["posts", 2, "must"], "Cannot return null for non-nullable field Post.must.")
    ]


async def raises(_parents, _arguments):
    raise ValueError("all")


async def short(_parents, _arguments):
    return [1]


async def number(_parents, _arguments):
    return 5


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (raises, "all"),
        (short, "The batch resolver of Post.user must return one value for each of 4 parents."),
        (number, "The batch resolver of Post.user must return one value for each of 4 parents."),
    ],
)
def test_a_batch_that_fails_as_a_whole(oracle, batch, function, message):
    result = batch(user=function).run(oracle, "{ posts { id user { id } } }")

    assert [post["user"] for post in result.data["posts"]] == [None] * 4
    assert {error.message for error in result.errors} == {message}
    assert [error.path for error in result.errors] == [["posts", i, "user"] for i in range(4)]


def test_leaves_and_lists_in_batches(oracle, batch):
    async def tags(parents, _arguments):
        return [["a", parent["id"]] if parent["id"] else None for parent in parents]

    async def friends(parents, _arguments):
        return [[{"id": parent["id"]}] * parent["id"] for parent in parents]

    result = batch(tags=tags, friends=friends).run(oracle, "{ posts { tags friends { id } } }")

    assert result.errors is None
    assert [post["tags"] for post in result.data["posts"]] == [None, ["a", "1"], ["a", "2"], ["a", "3"]]
    assert [len(post["friends"]) for post in result.data["posts"]] == [0, 1, 2, 3]


def test_lost_parents_are_left_out(oracle, batch):
    it = batch(user=users)
    posts = [{"id": 0, "name": None}, {"id": 1, "name": "n"}]
    result = it.run(oracle, "{ nested { name user { id } } }", {"nested": [posts]})

    assert result.data == {"nested": [[None, {"name": "n", "user": {"id": 10}}]]}
    assert it.calls == [("user", [1])]


def test_a_batch_that_others_share_is_not_cancelled(oracle, batch):
    async def slow(parents, _arguments):
        await asyncio.sleep(5)
        return [parent["id"] for parent in parents]

    async def fails(parents, _arguments):
        await asyncio.sleep(1)
        return [ValueError("one") if parent["id"] == 1 else 1 for parent in parents]

    result = batch(slow=slow, fails=fails).run(oracle, "{ nested { slow fails } }", {"nested": [POSTS[:3]]})

    assert result.data == {"nested": [[{"slow": 0, "fails": 1}, None, {"slow": 2, "fails": 1}]]}
    assert len(result.errors) == 1


def test_a_batch_for_lost_parents_only_is_cancelled(oracle, batch):
    cancelled = []

    async def slow(_parents, _arguments):
        try:
            await asyncio.sleep(500)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def fails(_parents, _arguments):
        await asyncio.sleep(1)
        raise ValueError("all")

    result = batch(slow=slow, fails=fails).run(oracle, "{ posts { slow fails } }")

    assert result.data == {"posts": None}
    assert cancelled == [True]


def test_two_batches_run_at_the_same_time(oracle, batch):
    async def slow(parents, _arguments):
        await asyncio.sleep(5)
        return [1 for _ in parents]

    async def main():
        it = batch(slow=slow, fails=slow)
        document = parse("{ posts { slow fails } }")
        await execute(SCHEMA, document, {"posts": POSTS}, executor_class=it.executor)
        return asyncio.get_running_loop().time()

    assert oracle.run(main)[0] == 5
