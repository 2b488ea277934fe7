"""The compiled engine keeps what the interpreting one promises, and resolves batched fields once."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import strawberry
from graphql import build_schema
from strawberry.permission import BasePermission

from bff import Context, batched, field, resolver, serves
from bff.codes import Code
from bff.execution.compiled import compiled_run_of
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

WAVES: list[object] = []


class Wire:
    def __init__(self, id):  # noqa: A002 - as the schema says
        self.id = id


@resolver(calls=[])
async def get_lines(context: Context) -> Sequence[Wire]:
    return [Wire(str(i)) for i in range(4)]


@strawberry.input
class Style:
    upper_case: bool = False


@batched(calls=[])
async def get_label(
    parents: Sequence[Wire], context: Context, style: Style, prefix_text: str = ""
) -> Sequence[object]:
    WAVES.append([one.id for one in parents])
    labels = [f"{prefix_text}{one.id}" for one in parents]
    return [label.upper() if style.upper_case else label for label in labels]


@batched(calls=[])
async def get_partner(parents: Sequence[Wire], context: Context) -> Sequence[object]:
    WAVES.append(len(parents))
    error = UpstreamError(Outcome.CONNECT, "no route", upstream="catalog")
    return [error if one.id == "2" else None if one.id == "3" else Wire(one.id + "p") for one in parents]


@batched(calls=[])
async def get_short(parents: Sequence[Wire], context: Context) -> Sequence[object]:
    return []


@batched(calls=[])
async def get_broken(parents: Sequence[Wire], context: Context) -> Sequence[object]:
    raise asyncio.CancelledError


class Nobody(BasePermission):
    message = "nobody"

    def has_permission(self, source, info, **kwargs):
        return source.id != "1"


@strawberry.interface
class Node:
    id: strawberry.ID


@strawberry.type
class Partner(Node):
    is_type_of = serves(Wire)


@strawberry.type
class Line:
    id: strawberry.ID
    label: str | None = field(get_label)
    partner: Partner | None = field(get_partner)
    node: Node | None = field(get_partner)
    short: str | None = field(get_short)
    broken: str | None = field(get_broken)
    guarded: Partner | None = field(get_partner, permission_classes=[Nobody])


@strawberry.type
class Query:
    lines: list[Line] | None = field(get_lines)


SCHEMA = strawberry.Schema(Query, types=[Partner])


@pytest.fixture
def ask(world):
    """Return a function that asks the compiled engine."""
    WAVES.clear()
    it = world(SCHEMA, run=compiled_run_of(SCHEMA, hide_suggestions=True))
    return it.ask


async def test_a_batched_field_is_resolved_once(ask):
    answer = await ask("{ lines { id partner { id } node { __typename id } } }")

    assert WAVES == [4, 4]
    assert [line["partner"] for line in answer.body["data"]["lines"]] == [{"id": "0p"}, {"id": "1p"}, None, None]
    assert answer.body["data"]["lines"][0]["node"] == {"__typename": "Partner", "id": "0p"}
    assert [error["path"] for error in answer.body["errors"]] == [["lines", 2, "partner"], ["lines", 2, "node"]]
    assert {error["extensions"]["upstream"] for error in answer.body["errors"]} == {"Catalog"}


async def test_arguments_are_those_of_strawberry(ask):
    query = "query ($p: String!) { lines { label(style: {upperCase: true}, prefixText: $p) } }"
    answer = await ask(query, {"p": "x"})

    assert [line["label"] for line in answer.body["data"]["lines"]] == ["X0", "X1", "X2", "X3"]
    assert WAVES == [["0", "1", "2", "3"]]


async def test_permissions_see_each_parent(ask):
    answer = await ask("{ lines { guarded { id } } }")

    assert [line["guarded"] for line in answer.body["data"]["lines"]] == [{"id": "0p"}, None, None, None]
    assert [error["path"][1] for error in answer.body["errors"]] == [1, 2]


@pytest.mark.parametrize("name", ["short", "broken"])
async def test_a_batch_that_is_wrong_fails_its_fields_only(ask, codes, name):
    answer = await ask(f"{{ lines {{ id {name} }} }}")

    assert len(answer.body["data"]["lines"]) == 4
    assert set(codes(answer).values()) == {"INTERNAL_SERVER_ERROR"}
    assert len(answer.body["errors"]) == 4


async def test_variables_that_do_not_fit_are_refused(ask):
    answer = await ask("query ($p: String!) { lines { label(style: {}, prefixText: $p) } }", {"p": 5})

    assert answer.refused is Code.BAD_USER_INPUT


SDL = """
type Query { fast: Int slow: Int boxes: [Box!] }  type Mutation { first: Int second: Int }
type Box { slow: Int must: Int! cancels: Int future: Int }
"""


@pytest.fixture
def plain(world):
    """Return a world on a plain schema, what its resolvers did, and the schema's fields."""
    schema = build_schema(SDL)
    it = world(schema, run=compiled_run_of(schema, hide_suggestions=True))
    log = []

    def work(name, seconds):
        async def run(*_):
            log.append(name)
            try:
                await it.clock.sleep(seconds)
            except asyncio.CancelledError:
                log.append(f"{name} cancelled")
                raise
            return 1

        return run

    fields = {name: kind.fields for name, kind in schema.type_map.items() if name in {"Query", "Box", "Mutation"}}
    fields["Query"]["fast"].resolve = work("fast", 1)
    fields["Query"]["slow"].resolve = work("slow", 60)
    fields["Query"]["boxes"].resolve = lambda *_: [{}, {}]
    fields["Box"]["slow"].resolve = work("box slow", 60)
    fields["Box"]["must"].resolve = work("must", 60)
    fields["Mutation"]["first"].resolve = work("first", 4)
    fields["Mutation"]["second"].resolve = work("second", 4)
    return SimpleNamespace(it=it, log=log, fields=fields)


async def test_at_the_deadline_what_is_there_is_answered(plain, codes):
    answer = await plain.it.timed("{ fast slow boxes { slow } }", seconds=5)

    assert answer.body["data"] == {"fast": 1, "slow": None, "boxes": [{"slow": None}, {"slow": None}]}
    assert set(codes(answer).values()) == {"DEADLINE_EXCEEDED"}
    assert plain.log.count("box slow cancelled") == 2


async def test_one_null_one_error_at_the_deadline(plain):
    answer = await plain.it.timed("{ fast boxes { must slow } }", seconds=5)

    assert answer.body["data"] == {"fast": 1, "boxes": None}
    assert len(answer.body["errors"]) == 1


async def test_no_mutation_begins_after_the_deadline(plain, codes):
    answer = await plain.it.timed("mutation { first second again: first }", seconds=6)

    assert answer.body["data"] == {"first": 1, "second": None, "again": None}
    assert plain.log == ["first", "second", "second cancelled"]
    assert codes(answer) == {"second": "DEADLINE_EXCEEDED", "again": "DEADLINE_EXCEEDED"}


async def test_a_cancelled_resolver_fails_its_field_only(plain, codes):
    async def cancels(*_):
        raise asyncio.CancelledError

    plain.fields["Box"]["cancels"].resolve = cancels
    answer = await plain.it.timed("{ fast boxes { cancels } }")

    assert answer.body["data"] == {"fast": 1, "boxes": [{"cancels": None}] * 2}
    assert set(codes(answer).values()) == {"INTERNAL_SERVER_ERROR"}


async def test_a_future_that_others_wait_for_is_not_cancelled(plain, codes):
    shared = asyncio.get_running_loop().create_future()
    plain.fields["Box"]["future"].resolve = lambda *_: shared
    answer = await plain.it.timed("{ boxes { future } }", seconds=1)

    assert codes(answer) == {"boxes.0.future": "DEADLINE_EXCEEDED", "boxes.1.future": "DEADLINE_EXCEEDED"}
    assert not shared.cancelled()
