"""A body means one thing or is refused."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.server.decoding import MAX_NESTING, decode_body
from bff.server.refusal import Refusal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(
    query=st.text(min_size=1),
    variables=st.dictionaries(st.text(), VALUES, max_size=5),
    unknown=VALUES,
    ascii_only=st.booleans(),
    indent=st.none() | st.integers(0, 3),
)
def test_what_a_client_writes_is_what_is_read(query, variables, unknown, ascii_only, indent):
    """However it is spaced and escaped, with members that nobody knows."""
    text = json.dumps(
        {"doc": unknown, "query": query, "variables": variables}, ensure_ascii=ascii_only, indent=indent
    )

    request = decode_body(text.encode())

    assert (request.query, request.variables) == (query, variables or None)


@given(before=st.text(), name=st.text(), after=st.text(), depth=st.integers(0, 5))
def test_a_repeated_name_is_refused_wherever_it_is(before, name, after, depth):
    pair = f"{json.dumps(name)}: 1"
    twice = f"{{{pair}, {json.dumps(name + 'x')}: {json.dumps(before)}, {pair}}}"
    value = "[" * depth + twice + "]" * depth
    text = f'{{"query": {json.dumps(after + "x")}, "variables": {{"v": {value}}}}}'

    with pytest.raises(Refusal, match="repeats a name"):
        decode_body(text.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"query":"a","\\u0071uery":"b"}',
        b'{"query":"a","x":{"y":1,"y":1}}',
        b'{"query":"a","variables":{"x":"\\\\","x":"\\""}}',
        b'[{"query":"a"},{"query":"a","query":"b"}]',
    ],
)
def test_a_repeated_name_cannot_hide(body):
    with pytest.raises(Refusal, match="repeats a name"):
        decode_body(body)


@pytest.mark.parametrize(("levels", "fine"), [(MAX_NESTING - 2, True), (MAX_NESTING + 1, False), (900, False)])
def test_nesting_ends_where_it_is_said(levels, fine):
    body = b'{"query":"a","variables":{"x":' + b"[" * (levels - 2) + b"]" * (levels - 2) + b"}}"
    if fine:
        assert decode_body(body).query == "a"
    else:
        with pytest.raises(Refusal, match="nested deeper"):
            decode_body(body)


@given(st.binary(max_size=80))
def test_no_body_is_an_accident(body):
    with contextlib.suppress(Refusal):
        decode_body(body)


def test_whole_numbers_keep_their_digits():
    """An id of 20 digits is not a floating-point number."""
    assert decode_body(b'{"query":"a","variables":{"id":12345678901234567890}}').variables == {
        "id": 12345678901234567890
    }
