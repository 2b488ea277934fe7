"""How orders are paid."""

from datetime import datetime
from typing import Annotated

import strawberry

import resolvers.payments
from bff import requires_auth, requires_scopes
from schema.changes import IdempotencyKey, UserError
from schema.describe import ID, describe_enum, fed
from schema.money import Money
from upstreams import payments

describe_enum(
    payments.PaymentKind,
    "What a customer pays with.",
    {"CARD": "A credit or debit card.", "WALLET": "A wallet of another company."},
)
describe_enum(
    payments.ChargeStatus,
    "How far a payment is.",
    {
        "AUTHORISED": "The amount is reserved.",
        "CAPTURED": "The amount was taken.",
        "REFUNDED": "The amount was given back.",
    },
)


@strawberry.type(description="Something to pay with.")
class PaymentMethod:
    """Something to pay with."""

    id: strawberry.ID = strawberry.field(description="What `PlaceOrderInput.paymentMethodId` takes.")
    kind: payments.PaymentKind = strawberry.field(description="What it is.")
    label: str = strawberry.field(description="How the customer knows it, such as `Visa 4242`.")
    expires: str | None = strawberry.field(description="Last month of use, `YYYY-MM`; null where it has none.")
    is_default: bool = strawberry.field(description="Whether it is offered first.")


@strawberry.type(description="The payment of one order.")
class Charge:
    """The payment of one order."""

    id: strawberry.ID = strawberry.field(description="What the payment provider calls it.")
    amount: Money = strawberry.field(description="How much.")
    status: payments.ChargeStatus = strawberry.field(description="How far it is.")
    created_at: datetime = strawberry.field(description="When it was made.")


@strawberry.type(description="The payment that was made, or why it was not.")
class PayOrderPayload:
    """The payment that was made, or why it was not."""

    value: Charge | None = strawberry.field(name="charge", description="The payment; null when it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused; empty when it was made.")


@strawberry.type(description="Payments.")
class Mutation:
    """Root fields."""

    pay_order: PayOrderPayload | None = fed(
        resolvers.payments.pay_order,
        "Pay what an order costs. After an error whose `outcome` is `unknown`, send it again with the same key.",
        arguments={
            "id": ID,
            "method_id": Annotated[
                strawberry.ID, strawberry.argument(description="Id of one of the customer's payment methods.")
            ],
            "idempotency_key": IdempotencyKey,
        },
        # Whoever finds a phone that is still logged in may look at orders, and not pay with it.
        directives=[requires_scopes([["payments:write"]]), requires_auth(max_age=3600)],
    )
