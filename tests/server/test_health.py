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


async def test_probes_are_read_and_nothing_else_is_here(world):
    health = world[-1]

    assert (await probe(health, "/readyz", "POST")).headers["allow"] == "GET, HEAD"
    assert (await probe(health, "/metrics")).status_code == 404
