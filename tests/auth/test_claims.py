"""Times of a token at their edges, and that nothing makes reading it fail in another way than by refusing it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.auth.claims import ClaimRules, check_claims, check_type
from bff.auth.strict import json_object, parse
from bff.auth.verdicts import Rejected

NOW = 1_700_000_000.0
MALFORMED = "malformed: not strict JSON: ValueError"
RULES = ClaimRules("i", frozenset({"bff"}), leeway=30.0, max_age=600.0)
GOOD = {"iss": "i", "aud": "bff", "sub": "u", "exp": NOW + 60, "iat": NOW}


def judged(rules=RULES, **claims):
    try:
        check_claims({**GOOD, **claims}, rules, NOW)
    except Rejected as error:
        return error.reason
    return "good"


@pytest.mark.parametrize(
    ("claims", "verdict"),
    [
        pytest.param({"exp": NOW - 29.9}, "good", id="expired within the leeway"),
        pytest.param({"exp": NOW - 30}, "expired", id="expired when now is exp and leeway"),
        pytest.param({"nbf": NOW + 30}, "good", id="begins at the leeway"),
        pytest.param({"nbf": NOW + 30.1}, "not yet valid", id="begins beyond the leeway"),
        pytest.param({"iat": NOW + 30}, "good", id="issued at the leeway"),
        pytest.param({"iat": NOW + 30.1}, "not yet valid", id="issued beyond the leeway"),
        pytest.param({"iat": NOW - 600}, "good", id="as old as policy allows"),
        pytest.param({"iat": NOW - 600.1}, "expired", id="older than policy allows"),
        pytest.param({"exp": -1e13}, "claims", id="before all times"),
        pytest.param({"aud": []}, "audience", id="meant for nobody"),
        pytest.param({"sub": "x" * 513}, "claims", id="an endless name"),
    ],
)
def test_where_the_edges_are(claims, verdict):
    """AU-8."""
    assert judged(**claims) == verdict


def test_a_maximum_age_needs_a_time_of_issue():
    claims = {name: value for name, value in GOOD.items() if name != "iat"}

    with pytest.raises(Rejected, match="iat is missing"):
        check_claims(claims, RULES, NOW)


@pytest.mark.parametrize("missing", ["client_id", "jti", "iat", "sub", "exp", "aud", "iss"])
def test_rfc_9068_asks_for_more(missing):
    """AU-8: an access token by RFC 9068 section 2.2."""
    strict = ClaimRules("i", frozenset({"bff"}), strict=True)
    claims = {**GOOD, "client_id": "c", "jti": "j"}
    check_claims(claims, strict, NOW)

    with pytest.raises(Rejected):
        check_claims({name: value for name, value in claims.items() if name != missing}, strict, NOW)


@pytest.mark.parametrize(
    ("typ", "strict", "good"),
    [
        ("at+jwt", True, True),
        ("Application/AT+JWT", True, True),
        ("JWT", True, False),
        (None, True, False),
        ("JWT", False, True),
        ("at+jwt", False, True),
        (None, False, True),
        ("dpop+jwt", False, False),
        ("", False, False),
        (5, False, False),
    ],
)
def test_a_token_says_of_which_kind_it_is(typ, strict, good):
    """AU-7."""
    rules = ClaimRules("i", frozenset({"bff"}), strict=strict)
    try:
        check_type(typ, rules)
    except Rejected:
        assert not good
    else:
        assert good


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "nbf", "jti", "client_id", "scope", "cnf"]), JSON))
def test_whatever_claims_say_they_are_judged(claims):
    assert isinstance(judged(**claims), str)


def reading(read, *given):
    """Return what *read* returns, or in which way it refuses."""
    try:
        return read(*given)
    except Rejected as error:
        return f"{error.reason}: {error.detail}"


@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_read_or_refused(data):
    """AU-2: never another exception."""
    assert str(reading(parse, data, 200)).startswith(("malformed", "Jws"))
    assert str(reading(json_object, data)).startswith(("malformed", "{"))


@given(st.dictionaries(TEXT, JSON.filter(lambda value: _depth(value) < 7), max_size=4))
def test_what_strict_reading_accepts_it_reads_as_anybody_would(value):
    """AU-2: stricter than others, never different from them."""
    text = json.dumps(value, ensure_ascii=False)

    assert reading(json_object, text.encode()) == (value if _is_finite(value) else MALFORMED)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (b'{"a":[[[[[[[1]]]]]]]}', True),
        (b'{"a":[[[[[[[[1]]]]]]]]}', False),
        (b'{"a":[[1],[1],[1],[1],[1],[1],[1],[1],[1],[1]]}', True),
        (b'{"a":"[[[[[[[[[[[["}', True),
        (b'{"a":{"b":1,"b":1}}', False),
        (b'{"a":"\\ud83d\\ude00"}', True),
        (b'{"a":"\\ude00"}', False),
        (b'{"a":1e400}', False),
        (b'{"a":1' + b"0" * 5000 + b"}", False),
        (b' {"a":1} ', True),
        (b'{"a":1}x', False),
        (b"", False),
    ],
)
def test_what_strict_json_is(text, good):
    assert isinstance(reading(json_object, text), dict) == good


def _is_finite(value):
    if isinstance(value, float):
        return value - value == 0
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(_is_finite, inner))


def _depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
