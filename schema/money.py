"""Amounts of money."""

import strawberry

from bff import Cost
from upstreams import wire

_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}


def formatted(money: strawberry.Parent[wire.Money]) -> str:
    """Return *money* as people write it, such as `€12.50`."""
    sign = "-" if money.cents < 0 else ""
    units, cents = divmod(abs(money.cents), 100)
    return f"{sign}{_SIGNS.get(money.currency, f'{money.currency} ')}{units:,}.{cents:02d}"


@strawberry.type(description="An amount of money.", directives=[Cost(weight=0)])
class Money:
    """An amount of money."""

    cents: int = strawberry.field(description="The amount in hundredths of the currency's unit.")
    currency: str = strawberry.field(description="ISO 4217 code, such as `EUR`.")
    formatted: str = strawberry.field(
        resolver=formatted, description="The amount as people write it, such as `€12.50`."
    )
