"""What all services do alike: pages, batches, bearers, validators."""

import json
from typing import NamedTuple

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.testing.http_message import Request
from upstreams.simulation.web import Problem, bearer, page
from upstreams.simulation.world.ledger import ON_THE_WAY_ORDER

ME = {"authorization": "Bearer demo-u3"}


@given(count=st.integers(0, 120), limit=st.integers(1, 50))
def test_following_the_cursors_shows_everything_once_and_in_order(count, limit):
    items, seen, cursor, pages = list(range(count)), [], "", 0
    while cursor is not None:
        query = f"limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        shown = json.loads(page(Request("GET", f"/?{query}"), items, key=int, show=int).body)
        assert shown["total"] == count
        seen += shown["items"]
        cursor, pages = shown["nextCursor"], pages + 1

    assert seen == items
    assert pages == max(1, -(-count // limit))


def test_what_is_added_in_front_does_not_move_the_next_page():
    """A new order arrives while its customer scrolls, and nothing is shown twice."""
    first = json.loads(page(Request("GET", "/?limit=2"), [-3, -2, -1], key=int, show=int).body)

    target = f"/?limit=2&cursor={first['nextCursor']}"
    second = json.loads(page(Request("GET", target), [-4, -3, -2, -1], key=int, show=int).body)

    assert (first["items"], second["items"]) == ([-3, -2], [-1])


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=51", "limit=-1", "limit=ten", "limit=", "cursor=nonsense", "cursor=%F0%9F%8D%95"]
)
def test_a_limit_or_cursor_that_makes_no_sense_is_refused(query):
    with pytest.raises(Problem) as raised:
        page(Request("GET", f"/?{query}"), [1, 2], key=int, show=int)

    assert raised.value.status == 422
    assert raised.value.errors[0][0] == f"#/{query.partition('=')[0]}"


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer u1", "Bearer demo-u0", "Bearer demo-u2001", "Basic demo-u1"]
)
def test_a_token_that_names_no_customer_is_refused(value):
    with pytest.raises(Problem) as raised:
        bearer(Request("GET", "/me", {"authorization": value}))

    assert raised.value.status == 401


def test_the_bearer_scheme_is_read_in_any_case():
    assert bearer(Request("GET", "/me", {"authorization": "bearer demo-u12"})) == 12


CACHE_CONTROL = [
    ("accounts", "/me", "private, max-age=60"),
    ("accounts", "/users?ids=u1", "private, max-age=60"),
    ("catalog", "/restaurants/r1", "public, max-age=30, stale-while-revalidate=60"),
    ("catalog", "/dishes?ids=d1", "public, max-age=30, stale-while-revalidate=60"),
    ("orders", "/orders", "private, no-cache"),
    ("couriers", "/couriers?ids=c1", "no-cache"),
    ("payments", "/methods", "no-store"),
    ("promotions", "/offers", "public, max-age=300, stale-if-error=3600"),
    ("notifications", "/inbox", "private, no-store"),
]


@pytest.mark.parametrize(("member", "target", "cache_control"), CACHE_CONTROL)
def test_a_get_says_how_long_it_is_fresh_and_answers_304_while_it_has_not_changed(
    client, member, target, cache_control
):
    service = client(member)
    first = service.get(target, headers=ME)

    same = service.get(target, headers=ME | {"if-none-match": f'"other", W/{first.headers["etag"]}'})
    changed = service.get(target, headers=ME | {"if-none-match": '"other"'})

    assert first.headers["cache-control"] == cache_control
    assert first.headers["etag"].startswith('"')
    assert (same.status_code, same.content) == (304, b"")
    assert (same.headers["etag"], same.headers["cache-control"]) == (first.headers["etag"], cache_control)
    assert (changed.status_code, changed.content) == (200, first.content)


class Batch(NamedTuple):
    member: str
    path: str
    name: str
    prefix: str
    most: int
    user: str | None = None


BATCHES = [
    Batch("accounts", "/users", "ids", "u", 100),
    Batch("catalog", "/restaurants/by-ids", "ids", "r", 50),
    Batch("catalog", "/dishes", "ids", "d", 100),
    Batch("orders", "/orders/by-ids", "ids", "o", 50, "u1"),
    Batch("couriers", "/couriers", "ids", "c", 50),
    Batch("couriers", "/deliveries", "order_ids", "o", 50),
    Batch("payments", "/charges", "order_ids", "o", 50),
]


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: batch.path)
def test_a_batch_takes_its_maximum_and_refuses_one_more(client, batch):
    service = client(batch.member, batch.user)
    keys = [f"{batch.prefix}{index}" for index in range(1, batch.most + 2)]

    full = service.get(batch.path, params={batch.name: ",".join(keys[:-1])})
    over = service.get(batch.path, params={batch.name: ",".join(keys)})
    none = service.get(batch.path)

    assert full.status_code == 200
    assert_problem(over, 422, pointer=f"#/{batch.name}")
    assert_problem(none, 422, pointer=f"#/{batch.name}")


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: batch.path)
def test_a_batch_leaves_out_what_does_not_exist(client, batch):
    one = f"o{ON_THE_WAY_ORDER}" if batch.path == "/orders/by-ids" else f"{batch.prefix}5"
    keys = f"{batch.prefix}0,nobody,{one},{batch.prefix}999999999,,{one}"

    found = client(batch.member, batch.user).get(batch.path, params={batch.name: keys}).json()

    assert [item["orderId" if batch.name == "order_ids" else "id"] for item in found] == [one]


@pytest.mark.parametrize(
    ("member", "method", "path"),
    [
        ("accounts", "GET", "/me"),
        ("orders", "GET", "/orders"),
        ("orders", "POST", "/orders"),
        ("orders", "POST", "/orders/o1/cancel"),
        ("payments", "GET", "/methods"),
        ("payments", "POST", "/charges"),
        ("notifications", "GET", "/inbox"),
        ("notifications", "POST", "/devices"),
    ],
)
def test_without_a_token_what_is_a_customers_own_is_refused(client, member, method, path):
    reply = client(member).request(method, path, json={} if method == "POST" else None)

    assert_problem(reply, 401)
    assert reply.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("member", ["accounts", "catalog-2", "reviews"])
def test_health_and_unknown_paths(client, member):
    service = client(member)

    assert service.get("/health").status_code == 200
    assert_problem(service.get("/nothing"), 404)
    assert_problem(service.delete("/health"), 405)


def assert_problem(reply: httpx.Response, status: int, pointer: str | None = None) -> None:
    """Hold *reply* against RFC 9457."""
    body = reply.json()
    assert (reply.status_code, body["status"]) == (status, status)
    assert reply.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "detail"} <= body.keys()
    if pointer is not None:
        assert body["errors"][0]["pointer"] == pointer
