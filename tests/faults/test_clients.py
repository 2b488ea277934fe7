"""Fault 33: clients leave in numbers, and everything they held comes back."""

import asyncio
from random import Random

import httpx
import pytest

from bff.testing import fault_kinds as kinds
from tests.faults.trial import SCREEN

CONNECTIONS = 12


@pytest.fixture(scope="module")
def policy_of_shaky():
    """So few that a single one that is lost each time would soon be missed."""
    return {"pool": {"max_connections": CONNECTIONS, "keepalive_expiry": "150ms"}}


def test_fault_33_half_of_the_clients_leave_and_the_others_get_their_answers(trouble, bff, shaky):
    """DL-9, F1: no connection and no permit is lost with a client that hung up."""
    rng = Random(33)
    with trouble("thing") as trial:
        shaky.break_with(kinds.Latency(0.08, jitter=0.04))

        async def one(client, patience):
            user = f"user-of-storm-{rng.random()}"
            asking = client.post("/graphql", json={"query": SCREEN}, headers={"authorization": user})
            try:
                async with asyncio.timeout(patience):
                    return trial.checked(await asking, user, 0.0)
            except TimeoutError:
                return None

        async def storm():
            async with httpx.AsyncClient(base_url=bff.url, timeout=30) as client:
                asked = []
                for number in range(400):
                    patience = rng.uniform(0.0, 0.1) if number % 2 else None
                    asked.append(asyncio.ensure_future(one(client, patience)))
                    await asyncio.sleep(0.0125)
                return await asyncio.gather(*asked)

        answers = asyncio.run(storm())

        stayed = answers[::2]
        assert sum(answer is None for answer in answers) > 100
        assert all(answer is not None for answer in stayed)
        assert sum(answer.whole for answer in stayed) > 0.99 * len(stayed)
        shaky.heal()
        assert all(answer.whole for answer in trial.load(SCREEN, 60, 1))
        assert trial.opened() == []
