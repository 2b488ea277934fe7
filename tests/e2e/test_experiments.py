"""Faults on purpose in a real process with two workers: by a header for oneself, by an operator for everybody."""

import re
import time

import httpx
import pytest

EXPERIMENTS = "/admin/api/experiments"
PAYMENTS = "{ me { paymentMethods { id } } }"
REVIEWS = '{ restaurant(id: "r1") { name reviews { averageRating } } }'
PATIENCE = 20.0
"""Seconds until something that must happen has failed."""


def ask(bff, fault=None, *, query=REVIEWS):
    """Ask on a connection of its own, so that any worker may get it."""
    headers = dict(bff.client.headers)
    if fault is not None:
        headers["x-bff-faults"] = fault
    return httpx.post(f"{bff.url}/graphql", json={"query": query}, headers=headers, timeout=30)


def eventually(condition):
    """Return what *condition* returns as soon as that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return found


def test_who_breaks_reviews_for_herself_sees_the_partial_answer_alone(keeping_bff):
    whole = ask(keeping_bff).json()

    hers = ask(keeping_bff, "reviews=503;cache=empty")

    body = hers.json()
    assert (hers.status_code, hers.headers["cache-control"]) == (200, "no-store")
    assert body["data"]["restaurant"] == {**whole["data"]["restaurant"], "reviews": None}
    assert [error["extensions"]["code"] for error in body["errors"]] == ["UPSTREAM_UNAVAILABLE"]
    assert body["extensions"]["faults"][0] | {"times": 0} == {
        "upstream": "reviews",
        "fault": "503",
        "by": "header",
        "times": 0,
    }
    assert ask(keeping_bff).json() == whole


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("review=503", 400, "Did you mean 'reviews'?"),
        ("reviews=sloow(2s)", 400, "Did you mean 'slow(2s)'?"),
        ("reviews=503;until=17", 400, "it ended at 17"),
    ],
)
def test_a_wrong_header_is_answered_by_what_to_write(keeping_bff, fault, status, said):
    answer = ask(keeping_bff, fault)

    assert answer.status_code == status
    (error,) = answer.json()["errors"]
    assert said in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


def test_an_operators_experiment_reaches_all_workers_says_so_and_ends(keeping_bff):
    admin = keeping_bff.admin
    order = {"upstream": "payments", "fault": "slow(20ms)", "duration": "5m", "share": "100%", "note": "practice"}

    started = httpx.post(f"{admin}{EXPERIMENTS}", json=order).json()

    assert started["unanswered"] == []
    told = ask(keeping_bff, query=PAYMENTS).json()
    assert told["data"]["me"]["paymentMethods"]
    assert told["extensions"]["faults"][0]["experiment"] == started["id"]
    running = re.compile(r'^bff_experiments_running\{.*upstream="payments".*\} 1\.0$', re.MULTILINE)
    assert len(running.findall(httpx.get(f"{admin}/metrics").text)) == 2, "one a worker"
    stopped = httpx.delete(f"{admin}{EXPERIMENTS}/{started['id']}").json()
    assert stopped == {"stopped": started["id"], "unanswered": []}
    assert httpx.get(f"{admin}{EXPERIMENTS}").json()["experiments"] == []
    assert "extensions" not in ask(keeping_bff, query=PAYMENTS).json()

    def lines():
        told = [line["to"] for line in keeping_bff.log if line.get("experiment") == started["id"]]
        return sorted(told) == ["ended", "ended", "started", "started"]

    eventually(lines)
