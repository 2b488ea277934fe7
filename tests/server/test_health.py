"""What probes are told."""

import httpx
import pytest

from bff.server.health import Health
from bff.server.lifecycle import Lifecycle


class Clock:
    time = 0.0

    def now(self):
        return self.time


@pytest.fixture
def world():
    clock = Clock()
    lifecycle = Lifecycle(clock)
    verdicts = {"keys": "ready", "cache": "ready"}
    asked = []

    def check(name):
        def look():
            asked.append(name)
            return verdicts[name]

        return look

    health = Health(lifecycle, clock=clock, checks={name: check(name) for name in verdicts})
    return clock, lifecycle, verdicts, asked, health


async def probe(health, path, method="GET"):
    transport = httpx.ASGITransport(health)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        return await client.request(method, path)


@pytest.mark.parametrize(
    ("steps", "ready", "started", "status"),
    [
        ([], 503, 503, "starting"),
        (["ready"], 200, 200, "ready"),
        (["ready", "drain"], 503, 200, "draining"),
        (["ready", "drain", "ready"], 503, 200, "draining"),
        (["drain"], 503, 200, "draining"),
        (["ready", "drain", "stop", "drain"], 503, 200, "draining"),
    ],
)
async def test_a_process_is_ready_between_its_start_and_its_drain(world, steps, ready, started, status):
    """HE-2, HE-3."""
    _, lifecycle, _, _, health = world
    for step in steps:
        getattr(lifecycle, step)()

    answer = await probe(health, "/readyz")

    assert (answer.status_code, answer.json()["status"]) == (ready, status)
    assert (await probe(health, "/startupz")).status_code == started
    assert (await probe(health, "/livez")).status_code == 200


@pytest.mark.parametrize(
    ("verdict", "code", "status"),
    [("degraded", 200, "degraded"), ("failed", 503, "failed"), ("ready", 200, "ready")],
)
async def test_the_worst_check_decides(world, verdict, code, status):
    """HE-2: a part that fails open degrades; only what nothing works without takes the process out."""
    _, lifecycle, verdicts, _, health = world
    lifecycle.ready()
    verdicts["cache"] = verdict

    answer = await probe(health, "/readyz")

    assert (answer.status_code, answer.json()) == (code, {"status": status, "checks": verdicts})


async def test_checks_run_at_most_ten_times_a_second(world):
    """LS-5."""
    clock, lifecycle, _, asked, health = world
    lifecycle.ready()
    for _ in range(100):
        await probe(health, "/readyz")
        clock.time += 0.01

    assert len(asked) <= 2 * 11


async def test_a_loop_that_does_not_beat_is_not_alive(world):
    """HE-1."""
    clock, lifecycle, _, _, health = world
    clock.time = 4.9
    assert (await probe(health, "/livez")).status_code == 200
    clock.time = 5.0
    assert (await probe(health, "/livez")).status_code == 503
    lifecycle.beat()
    assert (await probe(health, "/livez")).status_code == 200


async def test_he3_healthz_tells_what_readyz_does_and_on_demand_how_the_services_are(world):
    clock, lifecycle, *_ = world
    services = {"catalog": {"breakers": {"default": {"state": "open"}}}}
    health = Health(lifecycle, clock=clock, checks={"cache": lambda: "degraded"}, services=lambda: services)
    lifecycle.ready()

    plain, verbose = await probe(health, "/healthz"), await probe(health, "/healthz?verbose")

    assert (plain.status_code, plain.json()) == (200, {"status": "degraded", "checks": {"cache": "degraded"}})
    assert (verbose.status_code, verbose.json()) == (200, {**plain.json(), "upstreams": services})


async def test_he4_probes_name_no_host_and_no_version(world):
    _, lifecycle, *_, health = world
    lifecycle.ready()

    told = [(await probe(health, path)).json() for path in ("/livez", "/startupz", "/readyz")]

    checks = {"keys": "ready", "cache": "ready"}
    assert told == [{"status": "alive"}, {"status": "started"}, {"status": "ready", "checks": checks}]


async def test_probes_are_read_and_nothing_else_is_here(world):
    health = world[-1]

    assert (await probe(health, "/readyz", "POST")).headers["allow"] == "GET, HEAD"
    assert (await probe(health, "/metrics")).status_code == 404
