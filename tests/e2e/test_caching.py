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


FRESH, STANDS_IN = 0.2, 1.5
"""Seconds for which reviews are fresh, and stand in after that."""

PATIENCE = 30


@pytest.fixture(scope="module")
def policies(services, policies_for):
    """The application's own, with reviews that grow old at once."""
    folder = policies_for(services.urls, keeping=True)
    file = folder / "upstreams" / "reviews.yaml"
    text = file.read_text("utf-8")
    text = re.sub(r"default_ttl: \S+", f"default_ttl: {FRESH * 1000:.0f}ms", text)
    text = re.sub(r"stale_while_revalidate: \S+", "stale_while_revalidate: 0s", text)
    text = re.sub(r"stale_if_error: \S+", f"stale_if_error: {STANDS_IN * 1000:.0f}ms", text)
    file.write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def running(policies, module_bff, issuer):
    return module_bff(policies, issuer=issuer)


@pytest.fixture
def forgetful(running, healed):
    """The same, with nothing kept and all services in use."""
    patience = time.monotonic() + PATIENCE
    whole = False
    while not whole:
        assert time.monotonic() < patience, "the services are well, and the screen is not whole"
        running.forget(*KEPT)
        whole = not {"errors", "extensions"} & running.run("home").json().keys()
    running.forget(*KEPT)
    return running


def test_old_data_stands_in_and_tells_its_age(forgetful, healed):
    """Same data, HTTP 200, STALE_IF_ERROR, the age right to 50 ms; past the limit null and one error."""
    while time.time() % 1 > 0.6:  # `Date` has whole seconds: the next one would make the answer a second older
        time.sleep(0.01)
    before = time.time()
    whole = forgetful.ask(REVIEWS).json()
    after = time.time()
    healed.kill("reviews")
    stale, late = [], None
    while late is None:
        asked = time.time()
        response = forgetful.ask(REVIEWS)
        answered = time.time()
        answer = response.json()
        if "errors" in answer:
            late = answer
        elif "extensions" in answer:
            stale.append((response, (asked - after) * 1000, (answered - before) * 1000))
        assert answered - before < PATIENCE, "old data stands in for ever"

    assert stale
    for response, least, most in stale:
        (note,) = response.json()["extensions"]["degraded"]
        assert response.status_code == 200
        assert response.json()["data"] == whole["data"]
        assert note["path"] == ["restaurant", "reviews"]
        assert (note["upstream"], note["reason"], note["source"]) == ("reviews", "STALE_IF_ERROR", "stale")
        assert least - 50 <= note["ageMs"] <= most + 50
        assert note["ageMs"] <= (FRESH * 1.1 + STANDS_IN) * 1000
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-bff-degraded"] == "reviews;STALE_IF_ERROR"
    assert late["data"]["restaurant"]["reviews"] is None
    assert [error["path"] for error in late["errors"]] == [["restaurant", "reviews"]]
    assert answered - before >= FRESH * 0.9 + STANDS_IN, "no sooner than policy says"


def test_a_screen_without_offers_is_whole(forgetful, healed):
    """Promotions falls back to an empty list, and says so."""
    healed.kill("promotions")

    answer = forgetful.run("home").json()

    assert "errors" not in answer
    assert answer["data"]["me"]["offers"] == []
    assert [(note["path"], note["source"]) for note in answer["extensions"]["degraded"]] == [
        (["me", "offers"], "default")
    ]


def test_a_warm_screen_survives_the_loss_of_what_may_be_kept(forgetful, healed):
    whole = forgetful.run("home").json()
    for member in healed.urls:
        if member.removesuffix("-2") in KEPT:
            healed.kill(member)

    answer = forgetful.run("home").json()

    assert "errors" not in answer
    assert answer["data"] == whole["data"]


def test_customers_never_get_one_anothers_answers(forgetful, issuer):
    query = "{ me { name email offers { code } } }"
    found = [
        forgetful.ask(query, **issuer.headers(user)).json()["data"]["me"]["email"]
        for user in ("u1", "u2", "u1", "u2")
    ]

    assert found[0] == found[2] != found[1] == found[3]


def test_a_get_may_be_kept_and_asked_about(forgetful):
    """CA-22 to CA-25: the smallest lifetime, a strong validator, 304."""
    first = forgetful.client.get("/graphql", params=CACHEABLE, headers=SIMPLE)
    known = {**SIMPLE, "if-none-match": first.headers["etag"]}
    again = forgetful.client.get("/graphql", params=CACHEABLE, headers=known)
    mine = forgetful.client.get("/graphql", params={"query": "{ me { name } }"}, headers=SIMPLE)

    found = re.fullmatch(r"max-age=(\d+), public", first.headers["cache-control"])
    assert found
    assert 20 < int(found[1]) <= 30
    assert first.headers["vary"] == "Accept, Authorization, Cookie, Origin"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert mine.headers["cache-control"].endswith("private")


def test_the_cache_is_purged_and_counted_from_the_command_line(forgetful):
    for _ in range(3):
        forgetful.run("home")

    def cache(*words):
        options = ["--admin", forgetful.admin, "--format", "json"]
        command = [sys.executable, "-m", "bff.cli", "cache", *words, *options]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    before = cache("stats")["process"]
    assert cache("purge", "--upstream", "catalog") == {"forgotten": "upstream catalog"}
    forgetful.run("home")
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
