"""Whatever stands in a policy, the answer is a list of problems that each have a place and words."""

import json
from typing import get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bff.policy.document import parse
from bff.policy.explain import explain
from bff.policy.render import entry_in, model_in, paths_of
from bff.policy.schema import KINDS

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**12),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.sampled_from(
        ["1s", "0s", "5 seconds", "250", "1MiB", "allow", "yes", "file:x", "http://a", "https://a", "", "x y"]
    ),
    st.text("aé:/-{ ", max_size=6),
    st.lists(st.sampled_from(["https://a", "x-a", 7, None]), max_size=3),
    st.dictionaries(st.sampled_from("ab"), st.integers(), max_size=2),
)


@st.composite
def documents(draw, model):
    """Return documents with some keys of *model* and some others, and any values."""
    names = draw(
        st.lists(st.sampled_from([*model.model_fields, "atempt", "hots", "url"]), max_size=6, unique=True)
    )
    return {name: draw(values(model.model_fields.get(name))) for name in names}


def values(field):
    inner = model_in(field.annotation) if field else None
    entry = entry_in(field.annotation) if field else None
    if inner:
        return documents(inner) | VALUES
    if entry and get_origin(field.annotation) is dict:
        return (
            st.dictionaries(st.sampled_from(["dishes", "no name"]), documents(entry) | VALUES, max_size=2) | VALUES
        )
    return st.lists(documents(entry), max_size=2) | VALUES if entry else VALUES


@pytest.mark.parametrize("kind", KINDS)
@PATIENT
@given(data=st.data())
def test_any_document_is_taken_or_explained(kind, data):
    """A message that fails to be made would hide the mistake it was about."""
    model = KINDS[kind]
    text = json.dumps(data.draw(documents(model)), indent=1)
    document, _ = parse("a.yaml", text.encode())

    try:
        model.model_validate(document.plain())
    except ValidationError as error:
        problems = explain(error, model, document, {})

        assert problems
        lines = text.splitlines()
        for problem in problems:
            assert problem.what
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
            assert "pydantic" not in str(problem)
            assert "\n" not in problem.what


@pytest.mark.parametrize("kind", KINDS)
def test_every_default_is_a_policy_that_could_be_written(kind):
    """`retry: {}` must be sensible, and so must what the reference page prints as default."""
    for path, field in paths_of(KINDS[kind]):
        if not field.is_required() and model_in(field.annotation):
            assert type(field.get_default()).model_validate({}) == field.get_default(), path
