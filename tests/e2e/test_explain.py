"""What `bff explain` promises is what the services' own logs count, and what an outage really leaves."""

import json
import re
import time
from collections import Counter, defaultdict
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from graphql import parse

from bff.explain import Explainer, Question
from bff.policy.load import load
from schema import schema
from upstreams.simulation.cluster import Cluster

ROOT = Path(__file__).parents[2]
OPERATIONS = sorted(file.stem for file in (ROOT / "schema" / "operations").glob("*.graphql"))
SERVICES = (
    "accounts",
    "catalog",
    "orders",
    "couriers",
    "payments",
    "promotions",
    "reviews",
    "notifications",
)
CACHE = re.compile(r"^cache:.*\n([ \t].*\n|\n)*", re.MULTILINE)
ASKED_BY_PARENT = {"couriers.deliveries", "payments.charges", "reviews.for_restaurants"}
"""Endpoints whose keys are the ids of the objects that want something, not of what they get."""

TIMING = {("Home", "catalog.restaurants_by_id")}
"""Asked once or twice, as offers and orders come together or not; `explain` says so."""


@pytest.fixture(scope="module")
def services(issuer):
    """Services of this module's own, which nobody else asks."""
    with Cluster(latency="1ms", tick="3600s", issuer=issuer.url) as services:
        yield services


@pytest.fixture(scope="module")
def world(services, policies_for, module_bff, issuer):
    """A bff without caches, and an explainer under the same policies."""
    folder = policies_for(services.urls, keeping=True)
    for file in (folder / "upstreams").glob("*.yaml"):
        text = CACHE.sub("", file.read_text(encoding="utf-8"))
        file.write_text(f"{text}\ncache: {{scope: off}}\n", encoding="utf-8")
    return World(module_bff(folder, issuer=issuer), services, Explainer(schema._schema, load(folder)))


@pytest.fixture(scope="module")
def keeping(services, policies_for, module_bff, issuer):
    """A bff under the application's own policies, which keep answers, and an explainer under the same ones."""
    folder = policies_for(services.urls, keeping=True)
    return World(module_bff(folder, issuer=issuer), services, Explainer(schema._schema, load(folder)))


class World:
    def __init__(self, bff, services, explainer):
        self.bff = bff
        self.services = services
        self._explainer = explainer

    def run(self, name):
        """Run one of the app's operations, with a key of its own where it takes one."""
        asked = {"x-bff-cost": "1", "x-bff-trace": "1", "x-request-timeout-ms": "10000"}
        return self.bff.ask(self.text(name), self.variables(name), **asked).json()

    def forget(self):
        """Forget every answer that is kept."""
        with httpx.Client(base_url=self.bff.admin, verify=False) as admin:
            for service in SERVICES:
                admin.post("/admin/api/cache/purge", json={"upstream": service}).raise_for_status()

    def text(self, name):
        return (ROOT / "schema" / "operations" / f"{name}.graphql").read_text(encoding="utf-8")

    def variables(self, name):
        found = json.loads((ROOT / f"schema/operations/{name}.variables.json").read_text(encoding="utf-8"))
        return {**found, "key": str(uuid4())} if "key" in found else found

    def explain(self, name, *, sizes=None, without=()):
        question = Question(parse(self.text(name)), None, self.variables(name), without, sizes or {})
        return self._explainer.explain(question)

    def arrivals(self):
        """How often each service was asked for each method and path, health checks apart."""
        made = Counter()
        for member in self.services.urls:
            for line, times in self.services.stats(member)["arrivals"].items():
                if line != "GET /health":
                    made[member.removesuffix("-2"), line] += times
        return made

    def heal(self):
        for member, code in self.services.exit_codes().items():
            if code is not None:
                self.services.restart(member)
        clean, until = 0, time.monotonic() + 15
        while clean < 2:
            whole = not any("errors" in self.run(name) for name in ("home", "profile", "order-tracking"))
            clean = clean + 1 if whole else 0
            assert time.monotonic() < until
            time.sleep(0 if clean else 0.05)


@pytest.mark.parametrize("policies", ["world", "keeping"])
def test_explain_trace_and_the_services_own_logs_count_the_same_calls(request, policies):
    """Every operation of the application, cold: without caches, and under its own policies with empty ones.

    The attempts that the trace lists are what the services counted, endpoint by endpoint. With the list sizes of
    the real answer explain states one exact number, which is that of the calls in the trace; only where it says
    that timing decides (`TIMING`) the number lies within its bounds. A call that was sent again is one call.
    """
    world = request.getfixturevalue(policies)
    for name in OPERATIONS:
        world.forget()
        before = world.arrivals()
        answer = world.run(name)
        made = world.arrivals() - before
        plan = world.explain(name, sizes=sizes_of(world.explain(name), answer["data"]))
        calls, attempts = counted(answer["extensions"]["trace"])

        assert "errors" not in answer, (name, answer["errors"])
        assert plan.cost == answer["extensions"]["cost"]["requested"]
        assert attempts.total() == made.total(), (name, attempts, made)
        for total in plan.totals:
            seen = made.pop(line_of(plan, total.endpoint, made), 0)
            assert attempts[total.endpoint] == seen, (name, total, seen)
            assert total.calls.least <= calls[total.endpoint] <= total.calls.most, (name, total, seen)
            if (plan.operation, total.endpoint) not in TIMING:
                assert total.calls.least == total.calls.most, (name, total, seen)
        assert not made, f"{name} asked what explain does not mention: {made}"


@pytest.mark.parametrize("service", SERVICES)
def test_an_outage_leaves_what_explain_says(world, service):
    """For every screen: the same paths are null with an error, or degraded, and no others."""
    promised = {}
    for name in OPERATIONS:
        sizes = sizes_of(world.explain(name), world.run(name)["data"])
        promised[name] = world.explain(name, sizes=sizes, without=[service]).outage
    for member in world.services.urls:
        if member.removesuffix("-2") == service:
            world.services.kill(member)

    answers = {name: world.run(name) for name in OPERATIONS}

    world.heal()
    for name, outage in promised.items():
        answer = answers[name]
        errors = [one for one in answer.get("errors", ()) if one["extensions"]["code"] != "TOO_MANY_ERRORS"]
        assert all(one.certain for one in outage.lost), (name, outage)
        nulls = {one.path: one.nulls for one in outage.lost if one.instead == "null"}
        assert {generic(error["path"]) for error in errors} == nulls.keys(), name
        for error in errors:
            assert error["extensions"]["upstream"] == service
            assert value_at(answer["data"], error["path"]) is None
        degraded = answer.get("extensions", {}).get("degraded", ())
        assert {generic(one["path"]) for one in degraded} == {
            one.path for one in outage.lost if one.instead == "default"
        }, name


def test_a_plan_without_sizes_leaves_the_number_of_calls_open(world):
    """Nobody knows what the ids in a basket are of; of the rest the samples say enough."""
    plan = world.explain("basket")

    open_ones = {one.endpoint for one in plan.totals if one.calls.least != one.calls.most}
    assert open_ones == {
        "accounts.users",
        "catalog.dishes",
        "catalog.restaurants_by_id",
        "couriers.couriers_by_id",
        "orders.orders_by_id",
    }


def counted(trace):
    """Return how many calls of each endpoint were sent, and how often anything was sent for them."""
    calls, attempts = Counter(), Counter()
    for call in trace["calls"]:
        endpoint = f"{call['upstream']}.{call['endpoint']}"
        calls[endpoint] += bool(call["attempts"])
        attempts[endpoint] += len(call["attempts"])
    return calls, attempts


def line_of(plan, endpoint, made):
    """Return the line of a service's log that the calls of *endpoint* leave, preferring the longest path."""
    step = next(one for wave in plan.waves for one in wave.steps if one.endpoint == endpoint)
    path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(step.target.partition("{?")[0]))
    fitting = [key for key in made if key[0] == step.upstream and re.fullmatch(f"{step.method} {path}", key[1])]
    exact = [key for key in fitting if key[1] == f"{step.method} {step.target}"]
    return (exact or fitting or [None])[0]


def sizes_of(plan, data):
    """Return the sizes that *data* really has: of lists by path, and different keys by endpoint."""
    lengths = defaultdict(list)
    objects = defaultdict(list)
    walk(data, "", None, lengths, objects)
    sizes = {path.replace("[]", ""): sum(found) / len(found) for path, found in lengths.items()}
    keys = defaultdict(set)
    batched = {}
    for step in (one for wave in plan.waves for one in wave.steps if one.manner == "batched"):
        batched[step.endpoint] = [found for path in step.fields for found in objects[path] + objects[f"{path}[]"]]
    for endpoint, found in batched.items():
        asked = keys[endpoint]
        for value, parent in found:
            if endpoint in ASKED_BY_PARENT:
                asked.add(parent)
            elif isinstance(value, dict) and is_of(endpoint, value["id"]):
                asked.add(value["id"])
    known = {one.partition(" has ")[0] for one in plan.assumed}
    return {path: size for path, size in sizes.items() if path in known} | {
        endpoint: len(asked) for endpoint, asked in keys.items()
    }


def is_of(endpoint, key):
    """Whether *endpoint* is about objects with this kind of id."""
    prefix = {"users": "u", "restaurants_by_id": "r", "dishes": "d", "orders_by_id": "o", "couriers_by_id": "c"}
    return key.rstrip("0123456789") == prefix[endpoint.partition(".")[2]]


def walk(value, path, parent, lengths, objects):
    """Note the length of every list, and every value with the id of the object around it."""
    objects[path].append((value, parent))
    if isinstance(value, list):
        lengths[path].append(len(value))
        for item in value:
            walk(item, f"{path}[]", parent, lengths, objects)
    elif isinstance(value, dict):
        for name, inner in value.items():
            walk(inner, f"{path}.{name}" if path else name, value.get("id", parent), lengths, objects)


def generic(path):
    """Return *path* with `[]` for indices."""
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def value_at(data, path):
    """Return what stands at *path*, None where a null lies above."""
    for step in path:
        if data is None:
            return None
        data = data[step]
    return data
