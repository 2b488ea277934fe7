"""A body means one thing or is refused."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.server.decoding import MAX_NESTING, decode_body, decode_parameters, has_parameters
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


@pytest.mark.parametrize(
    ("body", "ids", "found"),
    [
        ({"documentId": "a"}, ("documentId",), "a"),
        ({"id": "a"}, ("documentId",), None),
        ({"id": "a", "doc_id": "b", "documentId": "c"}, ("doc_id", "documentId"), "b"),
        ({"documentId": None, "id": "a"}, ("documentId", "id"), "a"),
        ({"documentId": ""}, ("documentId",), None),
    ],
)
def test_the_id_of_a_document_comes_from_the_parameters_that_policy_names(body, ids, found):
    """The draft's, and those of Relay's apps."""
    text = json.dumps({"query": "{ a }", **body})

    assert decode_body(text.encode(), ids).document_id == found
    query = "&".join(f"{name}={value or ''}" for name, value in body.items())
    assert decode_parameters(f"query=%7Ba%7D&{query}".encode(), ids).document_id == found


def test_an_id_is_enough():
    assert decode_body(b'{"documentId": "a"}').document_id == "a"
    assert decode_parameters(b"documentId=a").document_id == "a"


@pytest.mark.parametrize("value", ["5", "[]", "{}", "true"])
def test_an_id_of_another_kind_is_refused(value):
    with pytest.raises(Refusal, match="must be a string"):
        decode_body(b'{"documentId": %s}' % value.encode())


def test_a_member_of_another_program_may_have_any_value():
    """`id` is not ours unless policy says so."""
    assert decode_body(b'{"query": "{ a }", "id": 5}').document_id is None


def test_an_id_given_twice_is_refused():
    with pytest.raises(Refusal, match="more than once"):
        decode_parameters(b"documentId=a&documentId=b")
    with pytest.raises(Refusal, match="repeats a name"):
        decode_body(b'{"documentId": "a", "documentId": "b"}')


@pytest.mark.parametrize(
    ("query", "asks"), [(b"documentId=a", True), (b"id=a", False), (b"", False), (b"query=%7Ba%7D", True)]
)
def test_what_is_a_request_and_no_visit_of_the_page(query, asks):
    assert has_parameters(query) is asks
    assert has_parameters(b"id=a", ("id",))


@pytest.mark.parametrize("mode", ["NULL", "PROPAGATE", "HALT"])
def test_on_error_counts_where_policy_says_so(mode):
    body = b'{"query": "{ a }", "onError": "%s"}' % mode.encode()

    assert decode_body(body, modes=True).on_error == mode
    assert decode_body(body).on_error == "PROPAGATE"
    assert decode_parameters(b"query=%7Ba%7D&onError=" + mode.encode(), modes=True).on_error == mode


@pytest.mark.parametrize(
    "body", [b'{"query": "{ a }", "onError": "IGNORE"}', b'{"query": "{ a }", "onError": {}}']
)
def test_an_unknown_error_mode_is_refused_only_where_it_counts(body):
    assert decode_body(body).on_error == "PROPAGATE"
    with pytest.raises(Refusal, match="must be one of NULL, PROPAGATE, HALT"):
        decode_body(body, modes=True)
