"""Targets are built from templates: encoded, complete, and wrong uses are named."""

from datetime import UTC, datetime
from enum import Enum
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.template import Template, query_string, wire_text


class Cuisine(Enum):
    THAI = "THAI_FOOD"


@pytest.mark.parametrize(
    ("template", "arguments", "target"),
    [
        ("/me", {}, "/me"),
        ("/restaurants/{id}", {"id": "r1"}, "/restaurants/r1"),
        ("/restaurants/{id}/menu", {"id": "a/b ?"}, "/restaurants/a%2Fb%20%3F/menu"),
        ("/a/{x}/{y}", {"x": 1, "y": True}, "/a/1/true"),
        ("/search{?q,limit}", {"q": "pad thai & co", "limit": None}, "/search?q=pad+thai+%26+co"),
        ("/search{?q,limit}", {}, "/search"),
        ("/r/{id}{?cuisine,at}", {"id": 1, "cuisine": Cuisine.THAI}, "/r/1?cuisine=THAI_FOOD"),
    ],
)
def test_a_target_is_filled_and_encoded(template, arguments, target):
    assert Template(template).expand(arguments) == target


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("me", "must begin with a slash"),
        ("/a/{}", "write {name} or {?name,other}"),
        ("/a/{x,y}", "write {name} or {?name,other}"),
        ("/a{?x}/b", "must stand at the end"),
        ("/a/{x", "unpaired brace"),
        ("/a/{+x}", "write {name} or {?name,other}"),
    ],
)
def test_a_template_of_another_form_is_refused_when_it_is_declared(template, message):
    with pytest.raises(ValueError) as refused:
        Template(template)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "/r/{id}{?q} takes id, q: missing 'id'"),
        ({"id": None}, "missing 'id'"),
        ({"id": 1, "limit": 3}, "unknown 'limit'"),
    ],
)
def test_wrong_arguments_name_what_the_template_takes(arguments, message):
    with pytest.raises(TypeError) as refused:
        Template("/r/{id}{?q}").expand(arguments)

    assert message in str(refused.value)


@given(st.text(min_size=1), st.text())
def test_whatever_is_put_in_comes_out_on_the_other_side(segment, value):
    """No value can leave its place: a slash stays in the segment, an ampersand in the parameter."""
    target = Template("/x/{id}/y{?q}").expand({"id": segment, "q": value})

    parts = urlsplit(target)
    start, _, rest = parts.path.partition("/x/")
    identifier, _, end = rest.partition("/")
    assert (start, unquote(identifier), end) == ("", segment, "y")
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", value)]


def test_values_are_written_as_services_read_them():
    assert wire_text(datetime(2026, 1, 2, 3, tzinfo=UTC)) == "2026-01-02T03:00:00Z"
    assert query_string([("ids", ["a", "b,c"]), ("n", False)]) == "?ids=a,b,c&n=false"


VALUES = st.one_of(
    st.text(),
    st.text("azAZ09._~-,%/ +", max_size=8),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(Cuisine),
)
LISTS = st.lists(st.one_of(VALUES, st.integers(), st.text()), max_size=5).flatmap(
    lambda values: st.sampled_from([values, tuple(values)])
)


@given(segment=VALUES, values=st.dictionaries(st.sampled_from(["q", "at"]), st.one_of(st.none(), VALUES, LISTS)))
def test_what_needs_no_quoting_is_written_as_if_it_were_quoted(segment, values):
    """Looking first is only quicker."""
    target = Template("/100%/{id}/y{?q,at}").expand({"id": segment, **values})

    given = [(name, wire_text(values[name])) for name in ("q", "at") if values.get(name) is not None]
    query = "&".join(f"{name}={quote_plus(text, safe=',')}" for name, text in given)
    assert target == f"/100%/{quote(wire_text(segment), safe='')}/y" + (f"?{query}" if query else "")


@given(values=LISTS)
def test_a_list_is_written_as_each_of_its_values_would_be(values):
    assert wire_text(values) == ",".join(wire_text(value) for value in values)


@given(name=st.text(min_size=1))
def test_the_name_of_a_parameter_is_quoted_commas_included(name):
    assert query_string([(name, 1)]) == f"?{quote_plus(name)}=1"
