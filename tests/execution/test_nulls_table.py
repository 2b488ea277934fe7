"""Each position a null can stand in, and each way in which it gets there (PD-15)."""

import pytest
from graphql import build_schema

from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

POSITIONS = {
    "nullable": ("x: Int", "{ o { x y } }", {"o": {"x": None, "y": 1}}, ["o", "x"]),
    "non-null": ("x: Int!", "{ o { x y } }", {"o": None}, ["o", "x"]),
    "nullable item": ("x: [Int]", "{ o { x y } }", {"o": {"x": [1, None], "y": 1}}, ["o", "x", 1]),
    "non-null item": ("x: [Int!]", "{ o { x y } }", {"o": {"x": None, "y": 1}}, ["o", "x", 1]),
    "non-null item, non-null list": ("x: [Int!]!", "{ o { x y } }", {"o": None}, ["o", "x", 1]),
    "item of a list in a list": (
        "x: [[Int!]]",
        "{ o { x y } }",
        {"o": {"x": [[1], None], "y": 1}},
        ["o", "x", 1, 0],
    ),
    "nullable root": ("x: Int", "{ x y }", {"x": None, "y": 1}, ["x"]),
    "non-null root": ("x: Int!", "{ x y }", None, ["x"]),
    "alias of a non-null root": ("x: Int!", "{ z: x y }", None, ["z"]),
    "item at a non-null root": ("x: [Int!]!", "{ x y }", None, ["x", 1]),
}
FAULTS = ["error", "null", "timeout", "cancelled", "bug"]
CODES = {
    "error": "UPSTREAM_UNAVAILABLE",
    "null": "INTERNAL_SERVER_ERROR",
    "timeout": "DEADLINE_EXCEEDED",
    "cancelled": "INTERNAL_SERVER_ERROR",
    "bug": "INTERNAL_SERVER_ERROR",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("position", POSITIONS)
async def test_what_becomes_null_and_what_is_told(world, position, fault):
    declared, query, data, path = POSITIONS[position]
    holder = "Query" if "root" in position else "O"
    other = "type O { y: Int }" if holder == "Query" else f"type O {{ {declared}  y: Int }}"
    schema = build_schema(f"type Query {{ o: O  y: Int  {declared if holder == 'Query' else ''} }} {other}")
    it = world(schema)

    async def fails():
        if fault == "error":
            raise UpstreamError(Outcome.CONNECT, "no route", upstream="catalog")
        if fault == "bug":
            raise ValueError("a bug")
        if fault == "timeout":
            await it.clock.sleep(60)
        if fault == "cancelled":
            import asyncio  # noqa: PLC0415 - one fault needs it

            raise asyncio.CancelledError

    def value(*_):
        if "[[" in declared:
            return [[1], [fails()]]
        return [1, fails()] if "[" in declared else fails()

    schema.type_map["Query"].fields["o"].resolve = lambda *_: {}
    schema.type_map[holder].fields["x"].resolve = value
    for kind in ("Query", "O"):
        schema.type_map[kind].fields["y"].resolve = lambda *_: 1

    answer = await it.timed(query, seconds=5)

    plain_null = fault == "null" and "!" not in declared
    if plain_null:
        assert answer.body == {"data": data}
        return
    assert answer.body["data"] == data
    assert [error["path"] for error in answer.body["errors"]] == [path]
    assert answer.body["errors"][0]["extensions"]["code"] == CODES[fault]
