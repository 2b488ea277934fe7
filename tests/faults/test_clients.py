"""Fault 33: clients leave in numbers, and everything they held comes back."""

import asyncio
import time
from random import Random

import pytest

from bff.testing import fault_kinds as kinds
from tests.faults.asking import Asker
from tests.faults.trial import SCREEN

CONNECTIONS = 12
STORM = 300
"""Clients; half of them leave."""


@pytest.fixture(scope="module")
def bff(start_bff, shaky, steady, pair):
    """With so few connections that a single one that is lost each time would soon be missed."""
    few = {"max_connections": CONNECTIONS, "keepalive_expiry": "80ms"}
    return start_bff(
        {
            "shaky": {"hosts": [shaky.url], "pool": few},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )


def test_fault_33_half_of_the_clients_leave_and_the_others_get_their_answers(trouble, bff, shaky):
    """DL-9, F1: no connection and no permit is lost with a client that hung up."""
    rng = Random(33)
    with trouble("thing") as trial:
        shaky.break_with(kinds.Latency(0.08, jitter=0.04))

        async def one(client, patience):
            user, started = f"user-of-storm-{rng.random()}", time.perf_counter()
            try:
                async with asyncio.timeout(patience):
                    reply = await client.ask(SCREEN, user)
            except TimeoutError:
                return None
            return trial.checked(reply, user, started, time.perf_counter())

        async def storm():
            async with Asker(bff.url) as client:
                asked = []
                for number in range(STORM):
                    patience = rng.uniform(0.0, 0.1) if number % 2 else None
                    asked.append(asyncio.ensure_future(one(client, patience)))
                    await asyncio.sleep(0.01)
                return await asyncio.gather(*asked)

        answers = asyncio.run(storm())

        stayed = answers[::2]
        assert sum(answer is None for answer in answers) > STORM / 4
        assert all(answer is not None for answer in stayed)
        assert sum(answer.whole for answer in stayed) >= 0.99 * len(stayed)
        shaky.heal()
        assert all(answer.whole for answer in trial.load(SCREEN, 60, 0.5))
        assert trial.opened() == []
