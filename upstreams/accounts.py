"""Who our customers are."""

from datetime import datetime
from enum import StrEnum

import msgspec

from bff import Upstream

accounts = Upstream("accounts")


class Segment(StrEnum):
    """How well we know a customer."""

    NEW = "NEW"
    REGULAR = "REGULAR"
    GOLD = "GOLD"


class Address(msgspec.Struct, frozen=True, rename="camel"):
    """A place a customer has food delivered to; degrees are WGS 84."""

    id: str
    label: str
    street: str
    city: str
    latitude: float
    longitude: float


class User(msgspec.Struct, frozen=True, rename="camel"):
    """A customer, with everything that only the customer may see."""

    id: str
    name: str
    email: str
    phone: str
    avatar_url: str
    segment: Segment
    created_at: datetime
    addresses: list[Address]


me = accounts.get("/me", returns=User)
users = accounts.batch("/users", ids="ids", returns=list[User], key="id", max_keys=100)
