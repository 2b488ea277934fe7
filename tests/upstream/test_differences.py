"""Two answers are compared field by field, and nobody's data is told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.differences import MOST, differences
from bff.upstream.message import Response

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def found(one, two, **options):
    answers = [Response(200, {}, json.dumps(value).encode()) for value in (one, two)]
    return [tuple(difference) for difference in differences(*answers, **options)]


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", "value")]),
        ({"a": 1}, {"a": "1"}, [("a", "type")]),
        ({"a": 1}, {"a": 1.5}, [("a", "value")]),
        ({"a": True}, {"a": 1}, [("a", "type")]),
        ({"a": None}, {}, [("a", "missing")]),
        ({}, {"a": None}, [("a", "added")]),
        ([{"p": 1}, {"p": 2}], [{"p": 1}, {"p": 3}], [("[]", "p")] and [("[].p", "value")]),
        ({"items": [1, 2]}, {"items": [1]}, [("items", "length")]),
        ({"items": [{"p": 1}, {"p": 1}]}, {"items": [{"p": 2}, {"p": 2}]}, [("items[].p", "value")]),
        ([[1]], [[2]], [("[][]", "value")]),
        (1, [], [("", "type")]),
    ],
)
def test_what_differs_is_told_by_place_and_kind(one, two, expected):
    assert found(one, two) == expected


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        (["at"], [("items[].at", "value"), ("items[].id", "value")]),
        (["items[].at"], [("at", "value"), ("items[].id", "value")]),
        (["items[]"], [("at", "value")]),
        (["items"], [("at", "value")]),
        (["*"], []),
        (["items[].*"], [("at", "value")]),
        (["*[].at"], [("at", "value"), ("items[].id", "value")]),
    ],
)
def test_places_that_may_differ_are_left_out_with_all_below(ignore, left):
    one = {"at": 1, "items": [{"id": 1, "at": 1}]}
    two = {"at": 2, "items": [{"id": 2, "at": 2}]}

    assert sorted(found(one, two, ignore=ignore)) == left


def test_keys_that_look_like_data_and_values_are_never_told():
    told = found({"u-4711": {"mail": "ada@example.com"}}, {"u-4711": {"mail": "eve@example.com"}})

    assert told == [("*.mail", "value")]


def test_the_status_goes_before_the_body():
    one, two = Response(200, {}, b"1"), Response(500, {}, b"2")

    assert differences(one, two) == (("", "status"),)


@pytest.mark.parametrize(("one", "two"), [(b"<html>", b"1"), (b"1", b""), (b"[" * 5000, b"[")])
def test_what_is_no_json_is_compared_byte_by_byte(one, two):
    assert differences(Response(200, {}, one), Response(200, {}, two)) == (("", "body"),)
    assert differences(Response(200, {}, one), Response(200, {}, one)) == ()


def test_long_bodies_are_compared_byte_by_byte():
    one, two = (Response(200, {}, json.dumps({"a": value}).encode()) for value in ("x" * 50, "y" * 50))

    assert differences(one, two, most_bytes=20) == (("", "body"),)


def test_only_so_many_differences_are_told():
    one = {chr(97 + place // 26) + chr(97 + place % 26): 1 for place in range(100)}

    assert len(found(one, dict.fromkeys(one, 2))) == MOST


@given(VALUES, VALUES)
def test_there_is_a_difference_exactly_where_values_differ(one, two):
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)

    assert bool(found(one, two)) is not same
