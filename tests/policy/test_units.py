"""Durations, sizes and shares say their unit, and mean the same when written and read again."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff.policy.problem import Refused
from bff.policy.units import (
    format_duration,
    format_share,
    format_size,
    parse_duration,
    parse_share,
    parse_size,
)

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Laws are not about speed, and machines are sometimes busy."""

DURATIONS = st.timedeltas(timedelta(0), timedelta(days=3650))


@PATIENT
@given(DURATIONS)
def test_a_duration_survives_being_written_and_read(duration):
    """What `bff policies show` prints can be pasted back, to the microsecond."""
    assert parse_duration(format_duration(duration)) == duration


@PATIENT
@given(st.integers(0, 2**45))
def test_a_size_survives_being_written_and_read(size):
    """No byte is lost to rounding, however large the number."""
    text = format_size(size)

    assert parse_size(text) == size


@PATIENT
@given(st.integers(0, 10_000))
def test_a_share_survives_being_written_and_read(hundredths):
    """A ratio of 12.34% is that and not 12.340000000000002%."""
    share = hundredths / 10_000

    assert parse_share(format_share(share)) == share


@PATIENT
@given(DURATIONS, DURATIONS)
def test_longer_durations_never_read_as_shorter(one, other):
    """Rounding on the way through text does not change an order that rules depend on."""
    longer, shorter = max(one, other), min(one, other)

    assert parse_duration(format_duration(longer)) >= parse_duration(format_duration(shorter))


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("50ms", 50), ("1.5s", 1500), ("2 s", 2000), ("5m", 300_000), ("24h", 86_400_000), ("7d", 604_800_000)],
)
def test_durations_read_as_people_write_them(text, milliseconds):
    assert parse_duration(text) == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize(
    ("text", "size"), [("512B", 512), ("256KiB", 262_144), ("1.5MiB", 1_572_864), ("8MB", 8_000_000)]
)
def test_sizes_read_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "1 week", "1s2ms", "1e3s", "१s", "9" * 400 + "d", None, True, [1]]
)
def test_what_is_no_duration_is_refused(text):
    """Nothing is guessed, and nothing overflows."""
    with pytest.raises(Refused):
        parse_duration(text)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("5 seconds", "5s"),
        ("300msec", "300ms"),
        ("2 mins", "2m"),
        ("1 Hour", "1h"),
        ("250", "250ms"),
        (3, "3s"),
        (300, "300ms"),
    ],
)
def test_a_refused_duration_comes_with_the_one_that_was_meant(wrong, right):
    with pytest.raises(Refused) as refused:
        parse_duration(wrong)

    assert refused.value.write == right


@pytest.mark.parametrize(
    ("wrong", "right"), [("8mb", "8MiB"), ("64 k", "64KiB"), (2048, "2KiB"), ("1 GIB", "1GiB")]
)
def test_a_refused_size_comes_with_the_one_that_was_meant(wrong, right):
    with pytest.raises(Refused) as refused:
        parse_size(wrong)

    assert refused.value.write == right


@pytest.mark.parametrize("value", ["120%", -0.1, 1.1, "half", float("nan"), True, None])
def test_what_is_no_share_is_refused(value):
    with pytest.raises(Refused):
        parse_share(value)


@pytest.mark.parametrize("parse", [parse_duration, parse_size])
@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), -3, -0.5, 10**400], ids=["inf", "nan", "-3", "-0.5", "huge"]
)
def test_a_number_that_no_unit_would_mend_is_refused_without_that_advice(parse, value):
    """YAML reads `.inf` and `1e400` as numbers; neither "write infs" nor a crash helps whoever wrote them."""
    with pytest.raises(Refused) as refused:
        parse(value)

    assert "needs a unit" not in str(refused.value)
    assert refused.value.write is None
