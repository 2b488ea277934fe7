"""How often something may happen: `600 per minute`, `60/minute`, `100 per 5 minutes`."""

from typing import Annotated, Any

from limits import RateLimitItem, parse
from pydantic import BeforeValidator, WithJsonSchema

from bff.policy.problem import Refused

MOST_PER_SECOND = 10_000
"""Above this a whole number of microseconds no longer says a rate to the percent (RL-3)."""

_LONGEST = 31 * 86_400


def check_rate(value: Any) -> str:
    """Return *value* as rates are written here, such as `600 per minute` or `100 per 5 minutes`.

    Raises:
        Refused: Not a rate, none at all, more than 10,000 a second, or over more than 31 days.
    """
    if not isinstance(value, str):
        raise Refused("a rate says how many in what time", f"{_amount(value)} per minute")
    try:
        item = parse(value.strip())
    except ValueError:
        raise Refused(
            f"{value!r} is not a rate: write a number, `per`, and one of second, minute, hour, day",
            f"{_amount(value)} per minute",
        ) from None
    seconds = item.get_expiry()
    if any(separator in value for separator in ",;|"):
        raise Refused(f"{value!r} is more than one rate", _written(item))
    if item.amount < 1 or item.multiples < 1:
        raise Refused(f"{value!r} lets nothing through; `mode: off` ends a limit", None)
    if item.amount > seconds * MOST_PER_SECOND:
        raise Refused(f"{value!r} is more than {MOST_PER_SECOND} per second", f"{MOST_PER_SECOND} per second")
    if seconds > _LONGEST:
        raise Refused(f"{value!r} counts over more than 31 days", None)
    return _written(item)


def rate_of(text: str) -> RateLimitItem:
    """Return what *text*, already checked, means: `amount` in `get_expiry()` seconds."""
    return parse(text)


def _written(item: RateLimitItem) -> str:
    unit = str(item.GRANULARITY.name)
    return f"{item.amount} per {unit}" if item.multiples == 1 else f"{item.amount} per {item.multiples} {unit}s"


def _amount(value: Any) -> str:
    digits = "".join(character for character in str(value) if character.isascii() and character.isdigit())
    return digits[:5].lstrip("0") or "600"


Rate = Annotated[
    str,
    BeforeValidator(check_rate),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*[0-9]+\s*(/|per)\s*[0-9]*\s*[A-Za-z]+\s*$",
            "examples": ["600 per minute", "10 per second", "100 per 5 minutes"],
        }
    ),
]
"""How many in what time; see `check_rate`."""
