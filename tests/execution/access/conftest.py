"""A small shop whose fields and types require something of their callers, and a record of what was resolved."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import strawberry

from bff import (
    Asked,
    Context,
    Principal,
    access_policy,
    authenticated,
    batched,
    field,
    requires_auth,
    requires_policy,
    requires_scopes,
    resolver,
    with_policies,
)
from bff.testing import principal


def feeds(resolved):
    """Return resolvers that note in *resolved* that they ran."""

    @batched(calls=[])
    async def stock(parents: Sequence[object], context: Context) -> Sequence[int | None]:
        resolved.append(("stock", len(parents)))
        return [3] * len(parents)

    @resolver(calls=[])
    async def supplier(parent: object, context: Context) -> str | None:
        resolved.append("supplier")
        return "Ada"

    @resolver(calls=[])
    async def order(context: Context) -> object:
        resolved.append("order")
        return SimpleNamespace(id="o1")

    @resolver(calls=[])
    async def ship(context: Context) -> str | None:
        resolved.append("ship")
        return "shipped"

    return SimpleNamespace(stock=stock, supplier=supplier, order=order, ship=ship)


class Shop:
    """The schema, what its resolvers were asked for, and what its access policies say."""

    def __init__(self):
        self.resolved = []
        self.asked = []
        self.says = {}
        self.schema = with_policies(strawberry.Schema(**self._types()), *self._policies())

    def _policies(self):
        async def decide(who: Principal, asked: Asked) -> bool:
            self.asked.append(asked)
            answer = self.says.get("nice", True)
            if isinstance(answer, Exception):
                raise answer
            return await answer() if callable(answer) else answer

        return (access_policy("nice")(decide),)

    def _types(self):
        resolved, feed = self.resolved, feeds(self.resolved)

        @strawberry.interface
        class Item:
            name: str
            cost: int | None = strawberry.field(directives=[requires_scopes([["costs:read"], ["admin", "audit"]])])

        @strawberry.type
        class Thing(Item):
            price: int
            margin: int = strawberry.field(default=7, directives=[authenticated()])
            stock: int | None = field(feed.stock, directives=[authenticated()])
            supplier: str | None = field(feed.supplier, directives=[requires_scopes([["suppliers:read"]])])
            note: str | None = strawberry.field(default="n", directives=[requires_policy("nice")])

            @classmethod
            def is_type_of(cls, value, info):
                return isinstance(value, cls)

        @strawberry.type(directives=[authenticated()])
        class Order:
            id: str

            @classmethod
            def is_type_of(cls, value, info):
                return isinstance(value, cls | SimpleNamespace)

        @strawberry.type
        class Query:
            @strawberry.field
            def things(self, count: int = 3) -> list[Thing | None]:
                return [Thing(name=f"t{place}", cost=1, price=place) for place in range(count)]

            @strawberry.field
            def items(self) -> list[Item]:
                return [Thing(name="t", cost=1, price=1)]

            @strawberry.field
            def found(self) -> list[Thing | Order | None]:
                return [Thing(name="t", cost=1, price=1), Order(id="o1")]

            @strawberry.field(directives=[requires_policy("misspelt")])
            def locked(self) -> str | None:
                resolved.append("locked")
                return "open"

            @strawberry.field(directives=[requires_auth(acr=["mfa", "hwk"], max_age=300)])
            def pin(self) -> str | None:
                resolved.append("pin")
                return "1234"

            order: Order | None = field(feed.order)

        @strawberry.type
        class Mutation:
            ship: str | None = field(feed.ship, directives=[requires_scopes([["orders:write"]])])
            must_ship: str = field(feed.ship, directives=[requires_scopes([["orders:write"]])])
            send: str | None = field(feed.ship)

        return {"query": Query, "mutation": Mutation, "types": [Thing, Order]}


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def ann():
    """Return somebody who is logged in and was granted nothing."""
    return principal("ann")


@pytest.fixture(scope="session")
def shop_class():
    """For tests that need one in each of many event loops."""
    return Shop
