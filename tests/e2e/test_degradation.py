"""One service down is one part of the screen missing, with one honest error; the rest does not move."""

import json
import time

import pytest

PARTS = {
    "accounts": {"me"},
    "catalog": {"restaurants"},
    "orders": {"latestOrders", "orderedBefore"},
    "couriers": {"courier", "delivery"},
    "payments": {"paymentMethods"},
    "promotions": {"offers"},
    "reviews": {"reviews"},
    "notifications": {"inbox"},
}
"""The fields of the home screen that each service feeds first."""

FAULTS = [
    ({"kind": "status", "status": 500}, "UPSTREAM_ERROR"),
    ({"kind": "status", "status": 501}, "UPSTREAM_ERROR"),
    ({"kind": "status", "status": 502}, "UPSTREAM_UNAVAILABLE"),
    ({"kind": "status", "status": 503}, "UPSTREAM_UNAVAILABLE"),
    ({"kind": "status", "status": 503, "retry_after": 7}, "UPSTREAM_THROTTLED"),
    ({"kind": "status", "status": 504}, "UPSTREAM_TIMEOUT"),
    ({"kind": "status", "status": 400}, "UPSTREAM_REJECTED"),
    ({"kind": "status", "status": 401}, "UPSTREAM_UNAUTHORIZED"),
    ({"kind": "status", "status": 403}, "UPSTREAM_FORBIDDEN"),
    ({"kind": "status", "status": 408}, "UPSTREAM_TIMEOUT"),
    ({"kind": "status", "status": 409}, "UPSTREAM_CONFLICT"),
    ({"kind": "status", "status": 429, "retry_after": 3}, "UPSTREAM_THROTTLED"),
    ({"kind": "hang_before_headers"}, "UPSTREAM_TIMEOUT"),
    ({"kind": "hang_after_headers"}, "UPSTREAM_TIMEOUT"),
    ({"kind": "drip", "interval": 0.05, "part": "both"}, "UPSTREAM_TIMEOUT"),
    ({"kind": "latency", "seconds": 20}, "UPSTREAM_TIMEOUT"),
    ({"kind": "latency", "seconds": 20, "jitter": 1}, "UPSTREAM_TIMEOUT"),
    ({"kind": "reset_before_response"}, "UPSTREAM_UNAVAILABLE"),
    ({"kind": "eof_before_response"}, "UPSTREAM_UNAVAILABLE"),
    ({"kind": "reset_mid_body"}, "UPSTREAM_BAD_RESPONSE"),
    ({"kind": "short_body"}, "UPSTREAM_BAD_RESPONSE"),
    ({"kind": "missing_terminator"}, "UPSTREAM_BAD_RESPONSE"),
    ({"kind": "truncated_json"}, "UPSTREAM_BAD_RESPONSE"),
    ({"kind": "wrong_content_type"}, "UPSTREAM_BAD_RESPONSE"),
    ({"kind": "malformed_json"}, "UPSTREAM_BAD_RESPONSE"),
    ({"kind": "malformed_json", "variant": "deep"}, "UPSTREAM_BAD_RESPONSE"),
    ({"kind": "bad_gzip"}, "UPSTREAM_BAD_RESPONSE"),
    ({"kind": "huge_body"}, "UPSTREAM_RESPONSE_TOO_LARGE"),
    ({"kind": "huge_body", "endless": True}, "UPSTREAM_RESPONSE_TOO_LARGE"),
    ({"kind": "gzip_bomb"}, "UPSTREAM_RESPONSE_TOO_LARGE"),
    ({"kind": "invalid_status_line"}, "UPSTREAM_BAD_RESPONSE"),
    ({"kind": "redirect"}, "UPSTREAM_REJECTED"),
    ({"kind": "flapping", "up": 0.001, "down": 60}, "UPSTREAM_UNAVAILABLE"),
]


def nulls(data, path=()):
    """Yield the path of every null."""
    if data is None:
        yield path
    elif isinstance(data, dict):
        for name, value in data.items():
            yield from nulls(value, (*path, name))
    elif isinstance(data, list):
        for place, value in enumerate(data):
            yield from nulls(value, (*path, place))


def without(data, paths):
    """Return *data* with a mark in place of all that lies below *paths*."""

    def walk(value, path):
        if path in paths:
            return "missing"
        if isinstance(value, dict):
            return {name: walk(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*path, place)) for place, item in enumerate(value)]
        return value

    return walk(data, ())


def test_the_home_screen_is_whole_while_all_services_are(bff, healed):
    response = bff.run("home")

    assert response.status_code == 200
    assert "errors" not in response.json()
    assert "extensions" not in response.json()


@pytest.mark.parametrize("service", PARTS)
def test_a_service_that_is_down_costs_its_own_part_and_nothing_else(bff, healed, service):
    """Each null that the outage caused has one error with its path; everything else is as it was."""
    whole = bff.run("home").json()["data"]
    for member in healed.urls:
        if member.removesuffix("-2") == service:
            healed.kill(member)

    started = time.perf_counter()
    response = bff.run("home")
    seconds = time.perf_counter() - started

    answer = response.json()
    paths = {tuple(error["path"]) for error in answer["errors"]}
    assert response.status_code == 200
    assert seconds < 3.05, "the operation's deadline is three seconds"
    assert paths, "an outage must be told"
    assert len(paths) == len(answer["errors"])
    assert set(nulls(answer["data"])) - set(nulls(whole)) <= paths <= set(nulls(answer["data"]))
    assert without(answer["data"], paths) == without(whole, paths)
    assert any(set(path) & PARTS[service] for path in paths)
    for error in answer["errors"]:
        assert error["extensions"]["upstream"] == service
        assert error["extensions"]["code"] in {"UPSTREAM_UNAVAILABLE", "CIRCUIT_OPEN"}
        assert error["extensions"]["retryable"] is True
        assert error["extensions"]["errorId"]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("fault", "code"), FAULTS, ids=lambda value: json.dumps(value).replace('"', ""))
def test_each_fault_gives_its_documented_code(bff, healed, fault, code):
    """Promotions stands for any service: the code says what happened, the screen stays."""
    healed.break_with("promotions", fault)

    started = time.perf_counter()
    response = bff.run("home")
    seconds = time.perf_counter() - started

    answer = response.json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    assert answer["errors"][0]["path"] == ["me", "offers"]
    assert answer["data"]["me"]["offers"] is None
    assert answer["data"]["restaurants"]["edges"]
    assert seconds < 3.05
    if "retry_after" in fault:
        assert answer["errors"][0]["extensions"]["retryAfterMs"] == fault["retry_after"] * 1000


def test_a_lost_batch_costs_each_of_its_items_one_error(bff, healed):
    healed.break_with("reviews", {"kind": "status", "status": 503})

    answer = bff.run("home").json()

    restaurants = len(answer["data"]["restaurants"]["edges"])
    assert restaurants > 1
    assert [error["path"][-1] for error in answer["errors"]] == ["reviews"] * restaurants


def test_a_dead_host_of_two_costs_nothing(bff, healed):
    """RT-10: what one host refuses, the other answers."""
    healed.kill("catalog-2")

    answers = [bff.ask('{ restaurant(id: "r1") { name } }').json() for _ in range(20)]

    assert not any("errors" in answer for answer in answers)


def test_a_service_that_keeps_failing_is_left_alone_and_told_so(bff, healed):
    """CB-13: the field's error says when to ask again, and the service is not called."""
    healed.break_with("promotions", {"kind": "status", "status": 503})
    for _ in range(6):
        bff.run("home")
    before = sum(healed.stats("promotions")["arrivals"].values())

    answer = bff.run("home").json()

    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["me", "offers"], "CIRCUIT_OPEN")
    assert 0 < error["extensions"]["retryAfterMs"] <= 600
    assert sum(healed.stats("promotions")["arrivals"].values()) == before
    opened = [line for line in bff.log if line["event"] == "breaker" and line["upstream"] == "promotions"]
    assert opened[-1]["to"] == "open"
    seen = bff.client.get(f"{bff.admin}/healthz?verbose").json()["upstreams"]
    assert seen["promotions"]["breakers"]["default"]["state"] == "open"
    assert seen["promotions"]["lastError"]["code"] == "CIRCUIT_OPEN"
    assert seen["accounts"]["breakers"]["default"]["state"] == "closed"


def test_a_service_that_comes_back_is_used_again(bff, healed):
    """The breaker is closed by its probes within twice the open time."""
    healed.kill("promotions")
    for _ in range(6):
        assert "errors" in bff.run("home").json()

    healed.restart("promotions")

    deadline = time.monotonic() + 1.2
    while "errors" in bff.run("home").json():
        assert time.monotonic() < deadline
