"""Who brings an order and where they are."""

from datetime import datetime
from enum import StrEnum

import msgspec

from bff import Upstream

couriers = Upstream("couriers")


class Vehicle(StrEnum):
    """What a courier travels with."""

    BIKE = "BIKE"
    SCOOTER = "SCOOTER"
    CAR = "CAR"


class DeliveryStatus(StrEnum):
    """How far a delivery is."""

    WAITING = "WAITING"
    ON_THE_WAY = "ON_THE_WAY"
    ARRIVED = "ARRIVED"


class Courier(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody who brings orders."""

    id: str
    name: str
    vehicle: Vehicle
    rating: float
    phone: str


class Delivery(msgspec.Struct, frozen=True, rename="camel"):
    """An order's way to the door; degrees are WGS 84."""

    order_id: str
    courier_id: str | None
    status: DeliveryStatus
    latitude: float
    longitude: float
    eta_minutes: int
    updated_at: datetime


couriers_by_id = couriers.batch("/couriers", ids="ids", returns=list[Courier], key="id", max_keys=50)
deliveries = couriers.batch("/deliveries", ids="order_ids", returns=list[Delivery], key="order_id", max_keys=50)
