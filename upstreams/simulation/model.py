"""What the services say about the world, in the shape it has on the wire.

The services own these types; the application that calls them declares its own, as it would for services of
another team. Members are camelCase on the wire, times RFC 3339 in UTC, money in cents.
"""

from enum import StrEnum

import msgspec


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Base of everything that is sent: immutable, camelCase."""


class Cuisine(StrEnum):
    """What a restaurant cooks."""

    ITALIAN = "ITALIAN"
    JAPANESE = "JAPANESE"
    INDIAN = "INDIAN"
    MEXICAN = "MEXICAN"
    THAI = "THAI"
    BURGERS = "BURGERS"
    VEGAN = "VEGAN"
    BAKERY = "BAKERY"


class Spiciness(StrEnum):
    """How hot a dish is."""

    NONE = "NONE"
    MILD = "MILD"
    HOT = "HOT"


class Segment(StrEnum):
    """How well a customer is known."""

    NEW = "NEW"
    REGULAR = "REGULAR"
    GOLD = "GOLD"


class OrderStatus(StrEnum):
    """How far an order has come."""

    PLACED = "PLACED"
    ACCEPTED = "ACCEPTED"
    COOKING = "COOKING"
    PICKED_UP = "PICKED_UP"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


class DeliveryStatus(StrEnum):
    """Where the courier is."""

    WAITING = "WAITING"
    ON_THE_WAY = "ON_THE_WAY"
    ARRIVED = "ARRIVED"


class Vehicle(StrEnum):
    """What a courier rides."""

    BIKE = "BIKE"
    SCOOTER = "SCOOTER"
    CAR = "CAR"


class MethodKind(StrEnum):
    """How a customer pays."""

    CARD = "CARD"
    WALLET = "WALLET"


class ChargeStatus(StrEnum):
    """What became of the money of an order."""

    AUTHORISED = "AUTHORISED"
    CAPTURED = "CAPTURED"
    REFUNDED = "REFUNDED"


class Platform(StrEnum):
    """What a registered device runs."""

    IOS = "IOS"
    ANDROID = "ANDROID"


class Money(Wire, frozen=True):
    """An amount in the smallest unit of its currency."""

    cents: int
    currency: str = "EUR"


class Place(Wire, frozen=True):
    """Where a restaurant is; degrees of WGS 84."""

    street: str
    city: str
    latitude: float
    longitude: float


class Address(Wire, frozen=True):
    """One of a customer's addresses; degrees of WGS 84."""

    id: str
    label: str
    street: str
    city: str
    latitude: float
    longitude: float


class User(Wire, frozen=True):
    """A customer."""

    id: str
    name: str
    email: str
    phone: str
    avatar_url: str
    segment: Segment
    created_at: str
    addresses: tuple[Address, ...]


class Restaurant(Wire, frozen=True):
    """A restaurant as the catalogue lists it."""

    id: str
    name: str
    cuisine: Cuisine
    rating: float
    delivery_minutes: int
    open_now: bool
    address: Place
    image_url: str
    minimum_order: Money


class Dish(Wire, frozen=True):
    """One dish of one restaurant."""

    id: str
    restaurant_id: str
    name: str
    description: str
    price: Money
    vegetarian: bool
    spiciness: Spiciness
    image_url: str
    available: bool


class Section(Wire, frozen=True):
    """One heading of a menu and the dishes below it."""

    title: str
    dish_ids: tuple[str, ...]


class Menu(Wire, frozen=True):
    """The menu of one restaurant, in the order it is printed."""

    restaurant_id: str
    sections: tuple[Section, ...]


class SearchHit(Wire, frozen=True):
    """A restaurant or a dish that was searched for; the other member is null."""

    kind: str
    restaurant: Restaurant | None = None
    dish: Dish | None = None


class OrderLine(Wire, frozen=True):
    """So many of one dish, at the price it had when it was ordered."""

    id: str
    dish_id: str
    quantity: int
    unit_price: Money


class Order(Wire, frozen=True):
    """What one customer bought at once from one restaurant."""

    id: str
    user_id: str
    restaurant_id: str
    status: OrderStatus
    placed_at: str
    lines: tuple[OrderLine, ...]
    total: Money
    courier_id: str | None
    address_id: str
    note: str | None


class Courier(Wire, frozen=True):
    """Who brings the food."""

    id: str
    name: str
    vehicle: Vehicle
    rating: float
    phone: str


class Delivery(Wire, frozen=True):
    """Where an order is on its way; degrees of WGS 84."""

    order_id: str
    courier_id: str
    status: DeliveryStatus
    latitude: float
    longitude: float
    eta_minutes: int
    updated_at: str


class PaymentMethod(Wire, frozen=True):
    """One way in which a customer pays; `expires` is the month, YYYY-MM."""

    id: str
    kind: MethodKind
    label: str
    expires: str | None
    is_default: bool


class Charge(Wire, frozen=True):
    """The money of one order."""

    id: str
    order_id: str
    method_id: str
    amount: Money
    status: ChargeStatus
    created_at: str


class Offer(Wire, frozen=True):
    """A discount, everywhere or in one restaurant."""

    id: str
    title: str
    code: str
    discount_percent: int
    ends_at: str
    restaurant_id: str | None


class Review(Wire, frozen=True):
    """What one customer thought of one restaurant; `rating` is 1 to 5."""

    id: str
    restaurant_id: str
    author_id: str
    rating: int
    text: str
    created_at: str


class Message(Wire, frozen=True):
    """One message of a customer's inbox."""

    id: str
    title: str
    body: str
    read: bool
    created_at: str
