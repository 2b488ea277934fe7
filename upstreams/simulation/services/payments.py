"""Payments: methods and charges. Shows calls that must not be repeated without a key."""

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from bff.testing.http_message import Reply, Request
from upstreams.simulation.idempotency import Idempotency
from upstreams.simulation.model import Charge, ChargeStatus, Money, Wire
from upstreams.simulation.web import App, Outside, Problem, bearer, decode, invalid, keys
from upstreams.simulation.world import World
from upstreams.simulation.world.draw import number, timestamp
from upstreams.simulation.world.ledger import ORDERS

_MAX_ORDERS: Final = 50
_DECLINED_ABOVE: Final = 50_000
"""Cents; the bank says no to more."""
_CHARGING: Final = 0.03
"""Seconds it takes to charge, in which the same key may come again."""
_ANY_ORDER: Final = 999_999_999
_CALLERS: Final = frozenset({"bff-services"})
"""OAuth clients that say in `x-subject` for which customer they call."""


class NewCharge(Wire, frozen=True):
    """What is to be charged."""

    order_id: str
    method_id: str
    amount: Money


class _Euros(Wire, frozen=True):
    cents: Annotated[int, msgspec.Meta(ge=1)]
    currency: Annotated[str, msgspec.Meta(pattern="^EUR$")]


def app(world: World, outside: Outside) -> App:
    """Return the service."""
    service = Payments(world, outside)
    payments = App("payments", "no-store", outside, for_others=_CALLERS)
    payments.get("/methods", service.methods)
    payments.get("/charges", service.charges)
    payments.post("/charges", service.charge)
    return payments


class Payments:
    """What the service answers; charges stay until it restarts."""

    def __init__(self, world: World, outside: Outside) -> None:
        self._world = world
        self._clock = outside.clock
        self._once = Idempotency()
        self._made: dict[str, Charge] = {}

    def methods(self, request: Request) -> Reply:
        """Answer the customer's payment methods."""
        return Reply.json(self._world.people.methods(bearer(request)))

    def charges(self, request: Request) -> Reply:
        """Answer the charges of several orders."""
        found = [self._charge_of(key) for key in keys(request, "order_ids", _MAX_ORDERS)]
        return Reply.json([charge for charge in found if charge])

    async def charge(self, request: Request) -> Reply:
        """Charge an order, once for one key and once in all.

        An order placed a moment ago is not known here, so any well-formed id will do.
        """
        user = bearer(request)

        async def act() -> Reply:
            wanted = decode(request, NewCharge)
            self._check(user, wanted)
            await self._clock.sleep(_CHARGING)
            return Reply.json(self._make(wanted), 201)

        return await self._once.once(request, user, act)

    def _charge_of(self, order_id: str) -> Charge | None:
        index = number(order_id, "o", ORDERS)
        return self._world.orders.charge(index) if index else self._made.get(order_id)

    def _check(self, user: int, wanted: NewCharge) -> None:
        if number(wanted.order_id, "o", _ANY_ORDER) is None:
            raise invalid("#/orderId", "this is no order")
        if wanted.method_id not in {method.id for method in self._world.people.methods(user)}:
            raise invalid("#/methodId", "this is none of the customer's payment methods")
        try:
            msgspec.convert(wanted.amount, _Euros, from_attributes=True)
        except msgspec.ValidationError as error:
            raise invalid("#/amount", "an amount is at least one cent, in EUR") from error
        if wanted.amount.cents > _DECLINED_ABOVE:
            raise Problem(402, f"the bank declines more than {_DECLINED_ABOVE / 100:.2f} EUR")

    def _make(self, wanted: NewCharge) -> Charge:
        if self._charge_of(wanted.order_id):
            raise Problem(409, f"order {wanted.order_id} is charged already")
        charge = Charge(
            id=f"ch{ORDERS + len(self._made) + 1}",
            order_id=wanted.order_id,
            method_id=wanted.method_id,
            amount=wanted.amount,
            status=ChargeStatus.AUTHORISED,
            created_at=timestamp(datetime.fromtimestamp(self._clock.wall(), UTC)),
        )
        self._made[wanted.order_id] = charge
        return charge
