"""The eight services as one scripted transport, told apart by their ports, and operations against them."""

import re
from collections import Counter
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from bff.clock import SystemClock
from bff.context import Deadline
from bff.errors import ErrorDesk
from bff.events import ignore
from bff.execution.engine import Engine
from bff.execution.messages import GraphQLRequest, Ingress
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing import principal
from bff.upstream.client import open_upstreams
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from schema import schema

RIGHTS = ("orders:write", "payments:write", "reviews:write", "devices:write")
PORTS = {
    "accounts": 9101,
    "catalog": 9102,
    "orders": 9103,
    "couriers": 9104,
    "payments": 9105,
    "promotions": 9106,
    "reviews": 9107,
    "notifications": 9108,
}
OPERATIONS = Path(__file__).parents[2] / "schema" / "operations"
TIME = "2026-05-01T18:30:00Z"
MAX_KEYS = {
    "/users": 100,
    "/restaurants/by-ids": 50,
    "/dishes": 100,
    "/orders/by-ids": 50,
    "/couriers": 50,
    "/deliveries": 50,
    "/charges": 50,
}


def money(cents):
    return {"cents": cents, "currency": "EUR"}


def user(key):
    address = {
        "id": "a1-1",
        "label": "Home",
        "street": "Hafenstr. 1",
        "city": "Kiel",
        "latitude": 54.3,
        "longitude": 10.1,
    }
    return {
        "id": key,
        "name": f"User {key}",
        "email": f"{key}@example.com",
        "phone": "+49 431 1",
        "avatarUrl": f"https://images.example.com/{key}.jpg",
        "segment": "GOLD",
        "createdAt": TIME,
        "addresses": [address],
    }


def restaurant(key):
    place = {"street": "Hafenstr. 2", "city": "Kiel", "latitude": 54.3, "longitude": 10.1}
    return {
        "id": key,
        "name": f"Restaurant {key}",
        "cuisine": "THAI",
        "rating": 4.5,
        "deliveryMinutes": 30,
        "openNow": True,
        "address": place,
        "imageUrl": f"https://images.example.com/{key}.jpg",
        "minimumOrder": money(1000),
    }


def dish(key):
    return {
        "id": key,
        "restaurantId": "r1",
        "name": f"Dish {key}",
        "description": "Good.",
        "price": money(1250),
        "vegetarian": True,
        "spiciness": "MILD",
        "imageUrl": f"https://images.example.com/{key}.jpg",
        "available": True,
    }


def order(number, status="PICKED_UP"):
    lines = [
        {"id": f"o{number}-{place}", "dishId": f"d{number * 3 + place}", "quantity": 1, "unitPrice": money(1250)}
        for place in range(3)
    ]
    return {
        "id": f"o{number}",
        "userId": "u1",
        "restaurantId": f"r{number}",
        "status": status,
        "placedAt": TIME,
        "lines": lines,
        "total": money(3750),
        "courierId": "c1",
        "addressId": "a1-1",
        "note": None,
    }


def courier(key):
    return {"id": key, "name": "Ada", "vehicle": "BIKE", "rating": 4.9, "phone": "+49 431 2"}


def delivery(key):
    return {
        "orderId": key,
        "courierId": "c1",
        "status": "ON_THE_WAY",
        "latitude": 54.3,
        "longitude": 10.1,
        "etaMinutes": 7,
        "updatedAt": TIME,
    }


def charge(key):
    return {
        "id": f"ch-{key}",
        "orderId": key,
        "methodId": "pm1-1",
        "amount": money(3750),
        "status": "CAPTURED",
        "createdAt": TIME,
    }


def offer(key, place):
    return {
        "id": key,
        "title": "Ten off",
        "code": "TEN",
        "discountPercent": 10,
        "endsAt": TIME,
        "restaurantId": place,
    }


def message(number):
    return {"id": f"n{number}", "title": "Hello", "body": "There is food.", "read": False, "createdAt": TIME}


def review(number, place):
    return {
        "id": f"rv{number}",
        "restaurantId": place,
        "authorId": f"u{number}",
        "rating": 5,
        "text": "Yes.",
        "createdAt": TIME,
    }


METHOD = {"id": "pm1-1", "kind": "CARD", "label": "Visa 4242", "expires": "2028-01", "isDefault": True}
BY_IDS = {
    ("accounts", "/users"): ("ids", user),
    ("catalog", "/restaurants/by-ids"): ("ids", restaurant),
    ("catalog", "/dishes"): ("ids", dish),
    ("orders", "/orders/by-ids"): ("ids", lambda key: order(int(key[1:]))),
    ("couriers", "/couriers"): ("ids", courier),
    ("couriers", "/deliveries"): ("order_ids", delivery),
    ("payments", "/charges"): ("order_ids", charge),
}


def page(items, query):
    start, limit = int(query.get("cursor", 0)), int(query.get("limit", 20))
    assert limit <= 50
    rest = str(start + limit) if start + limit < len(items) else None
    return {"items": items[start : start + limit], "nextCursor": rest, "total": len(items)}


def menu(key, query, body):
    titled = {"Soups": ["d1", "d404", "d2"], "Nothing": [], "Rice": ["d2", "d3"]}
    return {
        "restaurantId": "r1",
        "sections": [{"title": title, "dishIds": keys} for title, keys in titled.items()],
    }


def reviews(key, query, body):
    asked = msgspec.json.decode(body)
    if "mutation" in asked["query"]:
        return {"data": {"writeReview": review(1, asked["variables"]["restaurantId"])}}
    keys = asked["variables"]["restaurantIds"]
    given = [
        {"restaurantId": key, "averageRating": 4.5, "count": 9, "items": [review(1, key), review(2, key)]}
        for key in keys
    ]
    return {"data": {"reviews": given}}


def hits(key, query, body):
    found = [
        {"kind": "RESTAURANT", "restaurant": restaurant("r1"), "dish": None},
        {"kind": "DISH", "restaurant": None, "dish": dish("d1")},
    ]
    return page(found, query)


RESTAURANTS = [restaurant(f"r{number}") for number in range(1, 61)]
ORDERS = [order(number) for number in range(1, 121)]
INBOX = [message(number) for number in range(1, 31)]
ROUTES = [
    ("accounts", "GET", "/me", lambda key, query, body: user("u1")),
    ("catalog", "GET", "/restaurants", lambda key, query, body: page(RESTAURANTS, query)),
    ("catalog", "GET", "/restaurants/[^/]+", lambda key, query, body: restaurant(key)),
    ("catalog", "GET", "/restaurants/[^/]+/menu", menu),
    ("catalog", "GET", "/search", hits),
    ("orders", "GET", "/orders", lambda key, query, body: page(ORDERS, query)),
    ("orders", "GET", "/orders/[^/]+", lambda key, query, body: order(int(key[1:]))),
    ("orders", "POST", "/orders", lambda key, query, body: order(7, "PLACED")),
    ("orders", "POST", "/orders/[^/]+/cancel", lambda key, query, body: order(7, "CANCELLED")),
    ("payments", "GET", "/methods", lambda key, query, body: [METHOD]),
    ("payments", "POST", "/charges", lambda key, query, body: charge("o7")),
    ("promotions", "GET", "/offers", lambda key, query, body: [offer("of1", None), offer("of2", "r2")]),
    ("reviews", "POST", "/graphql", reviews),
    ("notifications", "GET", "/inbox", lambda key, query, body: page(INBOX, query)),
    ("notifications", "POST", "/devices", lambda key, query, body: {"id": "dev1", "platform": "IOS"}),
]


class Services:
    """Answers as the wire contract says.

    `answers` overrides single targets, `down` names services that are away.
    """

    def __init__(self):
        self.calls = Counter()
        self.requests = []
        self.answers = {}
        self.down = set()
        self.headers = {}

    async def send(self, request):
        name = next(name for name, port in PORTS.items() if port == request.origin.port)
        url = urlsplit(request.target)
        self.calls[name, url.path] += 1
        self.requests.append(request)
        if name in self.down:
            raise UpstreamError(Outcome.CONNECT, "nobody listens")
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        answer = self.answers.get((request.method, url.path))
        status, body = answer or self._answer(name, request, url.path, query)
        media_type = "application/json" if status < 400 else "application/problem+json"
        return Response(status, {"content-type": media_type, **self.headers}, msgspec.json.encode(body))

    async def close(self):
        pass

    def _answer(self, name, request, path, query):
        if known := BY_IDS.get((name, path)) if request.method == "GET" else None:
            parameter, make = known
            keys = query[parameter].split(",")
            if len(keys) > MAX_KEYS[path]:
                return 422, {"title": "Too many ids", "status": 422}
            return 200, [make(key) for key in reversed(keys) if "404" not in key]
        for service, method, pattern, make in ROUTES:
            if (service, method) == (name, request.method) and re.fullmatch(pattern, path):
                return 200, make(path.split("/")[-1], query, request.body)
        raise AssertionError(f"not in the contract of {name}: {request.method} {request.target}")


class App:
    """Runs operations of the reference application as the server does.

    Args:
        policies: How each service is called.
        open_transport: Makes the transport of one service.
        headers: The client's.

    Attributes:
        caller: Who asks: a customer with all rights of one, unless a test says otherwise.
    """

    def __init__(self, policies, open_transport, headers=None):
        self.clock = SystemClock()
        self.headers = headers or {}
        self.caller = principal(
            "u1", scopes=RIGHTS, auth_time=self.clock.wall(), token="demo-u1", aud=["services"]
        )
        operations = OperationsPolicy(introspection="allow")
        self.upstreams = open_upstreams(
            policies, operations, open_transport=open_transport, clock=self.clock, rng=Random(1), notify=ignore
        )
        desk = ErrorDesk(ignore, new_id=lambda: "e1", alias=self.upstreams.alias)
        self.engine = Engine(schema, self.upstreams, operations, desk=desk, clock=self.clock, notify=ignore)

    async def run(self, document, **variables):
        """Return data and errors of *document*."""
        ingress = Ingress("req-1", Deadline.after(30, self.clock), principal=self.caller, headers=self.headers)
        answer = await self.engine.execute(GraphQLRequest(document, variables=variables), ingress)
        return answer.body.get("data"), answer.body.get("errors", [])

    async def close(self):
        await self.engine.close(timeout=1)
        await self.upstreams.close()


@pytest.fixture
def services():
    return Services()


@pytest.fixture
async def app(services):
    policies = {name: UpstreamPolicy(hosts=(f"http://127.0.0.1:{port}",)) for name, port in PORTS.items()}
    app = App(policies, lambda limits: services)
    yield app
    await app.close()


@pytest.fixture
def make_app():
    return App


@pytest.fixture
def screen():
    """Return a function that returns document and variables of a screen's operation."""

    def read(name):
        path = OPERATIONS / f"{name}.graphql"
        return path.read_text(), msgspec.json.decode(path.with_suffix(".variables.json").read_bytes())

    return read
