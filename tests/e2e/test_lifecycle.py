"""It starts when nothing else does, says when it is ready, and leaves without dropping anybody."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from upstreams.simulation.cluster import MEMBERS

NOBODY = {member: f"http://127.0.0.1:{port}" for port, member in enumerate(MEMBERS, start=1)}


def cpu_seconds(pid):
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_it_starts_with_every_service_down(start_bff, policies_for):
    """Lesson 15: ready within two seconds, and every answer partial."""
    policies = policies_for(NOBODY)
    bff = start_bff(policies)
    ready = httpx.get(f"{bff.admin}/readyz")
    seconds = cpu_seconds(bff.process.pid)

    response = bff.run("home")

    assert ready.status_code == 200
    assert seconds < 2.0, "ready in two seconds; its own work is counted, not that of a busy machine"
    assert response.status_code == 200
    assert response.json()["data"] == {"me": None, "restaurants": None}
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {"UPSTREAM_UNAVAILABLE"}


async def test_a_drain_finishes_what_is_in_flight(start_bff, policies_for, services):
    """DR-1: readiness says no at once, answers go on, and the exit code is 0."""
    policies = policies_for(services.urls)
    (policies / "operations.yaml").write_text("drain: {delay: 1s, timeout: 5s}\n", encoding="utf-8")
    bff = await asyncio.to_thread(start_bff, policies, arguments=["--no-development"])

    async with httpx.AsyncClient() as client:
        asked = client.post(f"{bff.url}/graphql", json={"query": "{ restaurants(first: 50) { totalCount } }"})
        bff.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        ready = await client.get(f"{bff.admin}/readyz")
        response = await asked
        late = await client.post(f"{bff.url}/graphql", json={"query": "{ __typename }"})

    assert ready.status_code == 503
    assert response.json()["data"]["restaurants"]["totalCount"] == 200
    assert late.json() == {"data": {"__typename": "Query"}}
    assert late.headers["connection"] == "close"
    assert await asyncio.to_thread(bff.process.wait, 10) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--schema", "nowhere:schema"], "no module 'nowhere'"),
        (["--schema", "schema:nothing"], "schema.nothing is nothing, not a strawberry.Schema"),
        (["--port", "70000"], "--port: Input should be less than or equal to 65535, not 70000"),
        (["--policies", "tests/policy/broken"], "the policies are not valid, nothing was started"),
        (["--workers", "0"], "--workers: Input should be greater than or equal to 1"),
    ],
)
def test_a_start_that_cannot_be_says_why_and_what_to_do(arguments, message):
    done = subprocess.run(
        [sys.executable, "-m", "bff.cli", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_exporter_that_is_not_built_in_is_refused_with_the_way_to_it():
    done = subprocess.run(
        [sys.executable, "-m", "bff.cli", "serve"],
        env={**os.environ, "OTEL_TRACES_EXPORTER": "zipkin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert done.returncode == 2
    assert "start bff with `opentelemetry-instrument`" in done.stderr
