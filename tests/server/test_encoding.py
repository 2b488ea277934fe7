"""An answer in slices is the same answer, and others run in between."""

import asyncio
import json
import time

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.server.encoding import encode, estimate

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)


@given(VALUES, st.integers(0, 400), st.integers(0, 100))
@settings(max_examples=200, deadline=None)
def test_slices_make_the_same_json(value, size, repeat):
    """Also with slices so small that everything is cut."""
    body = {"data": [value] * repeat, "more": value}
    pieces = asyncio.run(encode(body, size))

    assert b"".join(pieces) == orjson.dumps(body)


async def test_a_huge_answer_holds_nobody_up_for_50_ms():
    row = {"id": "r1", "name": "x" * 200, "tags": ["a", "b", "c"], "price": {"cents": 100, "currency": "EUR"}}
    body = {"data": {"rows": [row] * 200_000}}
    longest, last = 0.0, time.perf_counter()

    async def tick():
        nonlocal longest, last
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    ticking = asyncio.create_task(tick())
    pieces = await encode(body)
    ticking.cancel()

    assert sum(map(len, pieces)) > 40_000_000
    assert longest < 0.05


async def test_something_that_is_not_json_is_an_error_however_large():
    with pytest.raises(TypeError):
        await encode({"data": ["x" * 1000] * 5000 + [object()]})


def test_an_estimate_is_of_the_right_size():
    body = {"data": {"rows": [{"id": str(number), "name": "n" * 50} for number in range(1000)]}}

    assert 0.5 < estimate(body) / len(orjson.dumps(body)) < 2


@pytest.mark.parametrize("padding", ["", "x" * 5000], ids=["small", "big"])
@pytest.mark.parametrize("odd", [2**70, {1: "one"}, "\ud800"], ids=["big", "key", "surrogate"])
async def test_an_odd_value_does_not_cost_the_whole_answer(odd, padding):
    """Strawberry's JSON scalar takes whatever a resolver returns, and other servers encode these."""
    body = {"data": {"odd": odd, "padding": [padding] * 10, "sound": 1}}

    pieces = await encode(body, at_once=2000)

    assert json.loads(b"".join(pieces)) == json.loads(json.dumps(body))


@pytest.mark.parametrize("count", [3, 200, 3000])
async def test_few_long_rows_are_sliced_as_many_short_ones_are(count):
    body = {
        "data": {"shop": {"rows": [{"id": number, "text": "x" * (6_000_000 // count)} for number in range(count)]}}
    }

    pieces = await encode(body)

    assert len(pieces) > 1
    assert b"".join(pieces) == orjson.dumps(body)


@pytest.mark.parametrize("place", [0, 500, 999])
def test_one_long_row_at_the_ends_or_in_the_middle_of_a_long_list_is_seen(place):
    rows = [{"text": "x" * (1000 if number == place else 10)} for number in range(1000)]

    assert estimate({"data": rows}) > 900_000
