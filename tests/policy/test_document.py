"""YAML becomes plain values that know their place; what is put over something wins key by key."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff.policy.document import MAX_BYTES, Located, Mark, key_text, merge, parse

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Laws are not about speed, and machines are sometimes busy."""

SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text("aZ1é☃ '\":#-\\\t", max_size=10)
TREES = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=3),
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=4),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(st.text("abc", min_size=1, max_size=2), TREES, max_size=4)
POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "total": SCALARS,
        "hosts": st.lists(SCALARS, max_size=2),
        "pool": st.dictionaries(st.sampled_from("xyz"), SCALARS),
        "limits": st.fixed_dictionaries({}, optional={"a": st.dictionaries(st.sampled_from("pq"), SCALARS)}),
    },
)
"""Documents in which a key is a section everywhere or nowhere, as the models demand."""


def located(value, file="a.yaml"):
    """Return *value* as if *file* said it."""
    if isinstance(value, dict):
        return Located({key: located(entry, file) for key, entry in value.items()}, Mark(file))
    if isinstance(value, list):
        return Located(tuple(located(item, file) for item in value), Mark(file))
    return Located(value, Mark(file))


def over(base, value):
    """Return what merging plain values means, in its shortest form."""
    if not (isinstance(base, dict) and isinstance(value, dict)):
        return value
    return {**base, **{key: over(base[key], entry) if key in base else entry for key, entry in value.items()}}


@PATIENT
@given(MAPPINGS, MAPPINGS)
def test_merging_puts_one_mapping_over_another(base, value):
    assert merge(located(base), located(value)).plain() == over(base, value)


@PATIENT
@given(POLICIES, POLICIES, POLICIES)
def test_merging_does_not_depend_on_grouping(one, two, three):
    """Where every file has the same shape, the order counts and the brackets do not."""
    one, two, three = located(one), located(two), located(three)

    assert merge(merge(one, two), three).plain() == merge(one, merge(two, three)).plain()


@PATIENT
@given(MAPPINGS)
def test_merging_with_nothing_changes_nothing(value):
    assert merge(located({}), located(value)).plain() == value
    assert merge(located(value), located({})).plain() == value


@PATIENT
@given(MAPPINGS, MAPPINGS)
def test_every_merged_value_keeps_the_file_that_said_it(base, value):
    """Origins are what `bff policies show` is for."""
    merged = merge(located(base, "defaults.yaml"), located(value, "own.yaml"))

    for path, leaf in located(value).leaves():
        if path and not isinstance(leaf.value, dict):
            assert merged.find(path).at.file == "own.yaml"


@PATIENT
@given(MAPPINGS)
def test_json_reads_as_json_does(value):
    """Variables files are read by the same reader, because it keeps places."""
    document, problems = parse("v.json", json.dumps(value).encode())

    assert problems == []
    assert document.plain() == value


@PATIENT
@given(st.binary(max_size=60) | st.text(":-[]{}&*!|>'\"%@`#, \n\tab1", max_size=60).map(str.encode))
def test_no_bytes_whatever_raise_anything(content):
    """A template that went wrong must end in a message."""
    document, problems = parse("a.yaml", content)

    assert document is not None or problems


def test_values_and_keys_know_their_place():
    document, _ = parse("a.yaml", b"# first\npool:\n  max_age: 5m\nhosts:\n  - one\n  - two\n")

    age = document.find(("pool", "max_age"))
    assert (str(age.key_at), str(age.at)) == ("a.yaml:3:3", "a.yaml:3:12")
    assert str(document.find(("hosts", 1)).at) == "a.yaml:6:5"
    assert document.find(("hosts", 2)) is None
    assert document.find(("pool", "max_age", "deeper")) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", "yes"), ("on", "on"), ("TRUE", True), ("~", None), ("0o17", 15), ("0x1F", 31), ("12:30", "12:30")],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    """Norway is a country, and half past twelve is not 750."""
    document, _ = parse("a.yaml", f"a: {text}\n".encode())

    assert document.plain() == {"a": value}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[" * MAX_BYTES, id="nested"),
        pytest.param(b"{" + b"a," * (MAX_BYTES // 2 - 1), id="wide"),
        pytest.param(b"a: b\n" * (MAX_BYTES // 5), id="long"),
        pytest.param(b"x" * (MAX_BYTES + 1), id="large"),
        pytest.param(b"a: &a [*a, *a]\n", id="anchor within itself"),
    ],
)
def test_hostile_files_are_refused_in_time_that_does_not_grow_with_them(content):
    """Read to its end, the first of them takes minutes."""
    begin = time.process_time()

    document, problems = parse("a.yaml", content)

    assert document is None
    assert len(problems) == 1
    assert time.process_time() - begin < 10


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    document, _ = parse("a.yaml", b"\xef\xbb\xbfdeadline: 3s\n")

    assert document.plain() == {"deadline": "3s"}


def test_paths_are_written_as_people_write_them():
    assert key_text(("forward", "headers", 2)) == "forward.headers[2]"
    assert key_text(()) == ""
