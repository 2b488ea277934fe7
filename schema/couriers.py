"""Who brings an order and where they are."""

from datetime import datetime

import strawberry

from bff import requires_policy, serves
from schema.describe import describe_enum
from schema.node import Node
from upstreams import couriers

describe_enum(
    couriers.Vehicle,
    "What a courier travels with.",
    {"BIKE": "A bicycle.", "SCOOTER": "A motor scooter.", "CAR": "A car."},
)
describe_enum(
    couriers.DeliveryStatus,
    "How far a delivery is.",
    {
        "WAITING": "The courier waits at the restaurant.",
        "ON_THE_WAY": "The courier has the order and is coming.",
        "ARRIVED": "The courier is at the door.",
    },
)


@strawberry.type(description="Somebody who brings orders.")
class Courier(Node):
    """Somebody who brings orders."""

    is_type_of = serves(couriers.Courier)
    name: str = strawberry.field(description="First name.")
    vehicle: couriers.Vehicle = strawberry.field(description="What the courier travels with.")
    rating: float = strawberry.field(description="Average of customers' ratings, 1 to 5.")
    phone: str = strawberry.field(
        description="Where the courier can be called; for people, not for programs.",
        directives=[requires_policy("people_only")],
    )


@strawberry.type(description="An order's way to the door.")
class Delivery:
    """An order's way to the door."""

    status: couriers.DeliveryStatus = strawberry.field(description="How far it is.")
    latitude: float = strawberry.field(description="Where the courier is: degrees north, WGS 84.")
    longitude: float = strawberry.field(description="Where the courier is: degrees east, WGS 84.")
    eta_minutes: int = strawberry.field(description="Minutes until it arrives, as far as one can tell.")
    updated_at: datetime = strawberry.field(description="When this was true.")
