"""Scalars read what they write, and refuse the rest with a reason that may be shown."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from schema import schema
from schema.money import formatted
from upstreams.wire import Money

TYPES = schema._schema.type_map


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False))
def test_a_time_is_written_in_utc_and_read_back(time):
    scalar = TYPES["DateTime"]
    try:
        written = scalar.coerce_output_value(time)
    except OverflowError:
        return

    assert written.endswith("Z")
    assert scalar.coerce_input_value(written) == time.astimezone(UTC)


def test_a_time_of_another_zone_is_the_same_moment():
    time = datetime(2026, 5, 1, 20, 30, tzinfo=timezone(timedelta(hours=2)))

    assert TYPES["DateTime"].coerce_output_value(time) == "2026-05-01T18:30:00Z"
    assert TYPES["DateTime"].coerce_input_value("2026-05-01T18:30:00Z") == time.astimezone(UTC)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("DateTime", "2026-05-01T18:30:00"),
        ("DateTime", "yesterday"),
        ("DateTime", 5),
        ("URL", "javascript:alert(1)"),
        ("URL", "/relative"),
        ("URL", "http://[broken"),
        ("Cursor", "nonsense"),
        ("Cursor", "ü"),
        ("Cursor", 1),
        ("UUID", "6f1c0f34"),
        ("UUID", None),
    ],
)
def test_what_a_scalar_does_not_take(scalar, value):
    """The reason of a GraphQLError is shown to the client."""
    with pytest.raises(GraphQLError):
        TYPES[scalar].coerce_input_value(value)


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [
        (1250, "EUR", "€12.50"),
        (5, "USD", "$0.05"),
        (-199, "GBP", "-£1.99"),
        (123456789, "EUR", "€1,234,567.89"),
        (1250, "CHF", "CHF 12.50"),
    ],
)
def test_money_as_people_write_it(cents, currency, text):
    assert formatted(Money(cents, currency)) == text
