"""How orders are paid."""

from datetime import datetime
from enum import StrEnum

import msgspec

from bff import Upstream
from upstreams.wire import Money

payments = Upstream("payments")


class PaymentKind(StrEnum):
    """What a customer pays with."""

    CARD = "CARD"
    WALLET = "WALLET"


class ChargeStatus(StrEnum):
    """How far a payment is."""

    AUTHORISED = "AUTHORISED"
    CAPTURED = "CAPTURED"
    REFUNDED = "REFUNDED"


class PaymentMethod(msgspec.Struct, frozen=True, rename="camel"):
    """A card or wallet; `expires` is `YYYY-MM`, None where it never does."""

    id: str
    kind: PaymentKind
    label: str
    expires: str | None
    is_default: bool


class Charge(msgspec.Struct, frozen=True, rename="camel"):
    """The payment of one order."""

    id: str
    order_id: str
    method_id: str
    amount: Money
    status: ChargeStatus
    created_at: datetime


class NewCharge(msgspec.Struct, frozen=True, rename="camel"):
    """A payment to make."""

    order_id: str
    method_id: str
    amount: Money


methods = payments.get("/methods", returns=list[PaymentMethod])
charges = payments.batch("/charges", ids="order_ids", returns=list[Charge], key="order_id", max_keys=50)
charge_order = payments.post("/charges", body=NewCharge, returns=Charge, headers=("idempotency-key",))
