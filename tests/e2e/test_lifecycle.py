"""It starts when nothing else does, says when it is ready, and leaves without dropping anybody."""

import asyncio
import os
import signal
from pathlib import Path

import httpx

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
    (policies / "operations.yaml").write_text("drain: {delay: 2s, timeout: 5s}\n", encoding="utf-8")
    bff = await asyncio.to_thread(start_bff, policies, arguments=["--no-development"])

    async with httpx.AsyncClient() as client:
        asked = client.post(f"{bff.url}/graphql", json={"query": "{ restaurants(first: 50) { totalCount } }"})
        bff.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            while (await client.get(f"{bff.admin}/readyz")).status_code != 503:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        response = await asked
        late = await client.post(f"{bff.url}/graphql", json={"query": "{ __typename }"})

    assert response.json()["data"]["restaurants"]["totalCount"] == 200
    assert late.json() == {"data": {"__typename": "Query"}}
    assert late.headers["connection"] == "close"
    assert await asyncio.to_thread(bff.process.wait, 10) == 0
