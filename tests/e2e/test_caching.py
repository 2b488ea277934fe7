"""With the application's own policies: old data instead of none, told as such, and never for too long."""

import json
import re
import subprocess
import sys
import time

import pytest

from bff.testing.redis_server import RedisServer

REVIEWS = '{ restaurant(id: "r1") { reviews { averageRating } } }'
CACHEABLE = {"query": "{ restaurants(first: 3) { edges { node { id name } } } }"}
SIMPLE = {"graphql-require-preflight": "1", "accept": "application/json"}
KEPT = {"accounts", "catalog", "promotions", "reviews"}
"""The services whose answers may be kept."""


@pytest.fixture
def policies(healed, policies_for):
    """Reviews are fresh for 200 ms and stand in for 1.5 s more."""
    folder = policies_for(healed.urls, keeping=True)
    file = folder / "upstreams" / "reviews.yaml"
    text = file.read_text("utf-8")
    text = re.sub(r"default_ttl: \S+", "default_ttl: 200ms", text)
    text = re.sub(r"stale_while_revalidate: \S+", "stale_while_revalidate: 0s", text)
    text = re.sub(r"stale_if_error: \S+", "stale_if_error: 1500ms", text)
    file.write_text(text, "utf-8")
    return folder


def test_old_data_stands_in_and_tells_its_age(start_bff, policies, healed):
    """Same data, HTTP 200, STALE_IF_ERROR, the age right to 50 ms; past the limit null and one error."""
    bff = start_bff(policies)
    bff.ask(REVIEWS)
    time.sleep(0.3)
    before = time.time()
    whole = bff.ask(REVIEWS).json()
    after = time.time()
    healed.kill("reviews")
    time.sleep(0.3)

    asked = time.time()
    response = bff.ask(REVIEWS)
    answered = time.time()
    time.sleep(1.7)
    late = bff.ask(REVIEWS).json()

    (note,) = response.json()["extensions"]["degraded"]
    assert response.status_code == 200
    assert response.json()["data"] == whole["data"]
    assert "errors" not in response.json()
    assert note["path"] == ["restaurant", "reviews"]
    assert (note["upstream"], note["reason"], note["source"]) == ("reviews", "STALE_IF_ERROR", "stale")
    assert (asked - after) * 1000 - 50 <= note["ageMs"] <= (answered - before) * 1000 + 50
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-bff-degraded"] == "reviews;STALE_IF_ERROR"
    assert late["data"]["restaurant"]["reviews"] is None
    assert [error["path"] for error in late["errors"]] == [["restaurant", "reviews"]]


def test_a_screen_without_offers_is_whole(start_bff, policies, healed):
    """Promotions falls back to an empty list, and says so."""
    healed.kill("promotions")
    bff = start_bff(policies)

    answer = bff.run("home").json()

    assert "errors" not in answer
    assert answer["data"]["me"]["offers"] == []
    assert [(note["path"], note["source"]) for note in answer["extensions"]["degraded"]] == [
        (["me", "offers"], "default")
    ]


def test_a_warm_screen_survives_the_loss_of_what_may_be_kept(start_bff, policies, healed):
    bff = start_bff(policies)
    whole = bff.run("home").json()
    for member in healed.urls:
        if member.removesuffix("-2") in KEPT:
            healed.kill(member)

    answer = bff.run("home").json()

    assert "errors" not in answer
    assert answer["data"] == whole["data"]


def test_customers_never_get_one_anothers_answers(start_bff, policies, issuer):
    bff = start_bff(policies)
    query = "{ me { name email offers { code } } }"
    found = [
        bff.ask(query, **issuer.headers(user)).json()["data"]["me"]["email"] for user in ("u1", "u2", "u1", "u2")
    ]

    assert found[0] == found[2] != found[1] == found[3]


def test_a_get_may_be_kept_and_asked_about(start_bff, policies):
    """CA-22 to CA-25: the smallest lifetime, a strong validator, 304."""
    bff = start_bff(policies)

    first = bff.client.get("/graphql", params=CACHEABLE, headers=SIMPLE)
    known = {**SIMPLE, "if-none-match": first.headers["etag"]}
    again = bff.client.get("/graphql", params=CACHEABLE, headers=known)
    mine = bff.client.get("/graphql", params={"query": "{ me { name } }"}, headers=SIMPLE)

    found = re.fullmatch(r"max-age=(\d+), public", first.headers["cache-control"])
    assert found
    assert 20 < int(found[1]) <= 30
    assert first.headers["vary"] == "Accept, Authorization, Cookie, Origin"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert mine.headers["cache-control"].endswith("private")


def test_the_cache_is_purged_and_counted_from_the_command_line(start_bff, policies):
    bff = start_bff(policies)
    for _ in range(3):
        bff.run("home")

    def cache(*words):
        command = [sys.executable, "-m", "bff.cli", "cache", *words, "--admin", bff.admin, "--format", "json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    before = cache("stats")["process"]
    assert cache("purge", "--upstream", "catalog") == {"forgotten": "upstream catalog"}
    bff.run("home")
    after = cache("stats")["process"]

    assert before["local_entries"] > 10
    assert after["misses"] > before["misses"]


def test_a_redis_that_dies_is_no_error(start_bff, policies, tmp_path):
    """Redis killed in mid-run: no client error."""
    redis = RedisServer(tmp_path)
    try:
        bff = start_bff(policies, arguments=("--redis-url", redis.url))
        whole, until = bff.run("home").json(), time.monotonic() + 10
        while int(redis.command("DBSIZE")[1:]) <= 10:
            assert time.monotonic() < until, "nothing is written to Redis"
            time.sleep(0.05)
        redis.stop()

        answers = [bff.run("home") for _ in range(12)]

        assert [answer.status_code for answer in answers] == [200] * 12
        assert all("errors" not in answer.json() for answer in answers)
        assert answers[-1].json()["data"] == whole["data"]
    finally:
        redis.stop()
