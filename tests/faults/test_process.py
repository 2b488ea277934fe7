"""Faults 31, 32, 35, 36 and 38: trouble is our own: a stalled loop, a frozen, full, ending or dying process."""

import asyncio
import os
import signal
import socket
import threading
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from bff.testing import fault_kinds as kinds
from tests.faults.processes import PATIENCE, processor_seconds
from tests.faults.trial import CALM, DEADLINE, SCREEN, SLACK, THING

ORDER = 'mutation { order(id: "o1") { id who text } }'


def test_fault_31_a_stall_of_our_own_blames_no_service(trouble, bff, shaky):
    """The loop stands still for twice as long as an attempt may take, under load, and no breaker opens."""
    with trouble() as trial:
        shaky.break_with(kinds.Latency(0.05))

        async def incident():
            load = asyncio.create_task(trial.loading([SCREEN], 20, 2.4))
            async with httpx.AsyncClient(base_url=bff.url, timeout=PATIENCE) as client:
                for _ in range(2):
                    await asyncio.sleep(0.6)
                    await client.post("/graphql", json={"query": "{ stall(ms: 500) }"})
            return await load

        answers = asyncio.run(incident())

        assert all(answer.whole for answer in answers)
        assert trial.opened() == trial.opened("steady") == []
        assert set(trial.outcomes()) == {"OK"}


async def ask_all(bff, queries):
    """Ask *queries* at once, each as another user, and return what came of them."""
    async with httpx.AsyncClient(base_url=bff.url, timeout=PATIENCE) as client:
        asked = [
            client.post("/graphql", json={"query": query}, headers={"authorization": f"user-of-{number}"})
            for number, query in enumerate(queries)
        ]
        return await asyncio.gather(*asked, return_exceptions=True)


def test_fault_32_a_process_that_was_frozen_goes_on_and_orders_nothing_twice(trouble, bff, shaky):
    """What expired meanwhile is answered at once; nobody is blamed, and each order was sent once.

    It is frozen for two deadlines of an operation, eight timeouts of an attempt and two windows of the breaker:
    all that an operation of ten seconds would lose in ten is lost here. Leases are another test's: a lapsed one
    is not given back in the name of its next holder.

    For a moment its loop looks as if it had always been late, and new requests are refused.
    """
    with trouble("thing", "order") as trial:
        shaky.break_with(kinds.Latency(0.2))
        trial.may_refuse = True
        arrived = partial(shaky.arrivals, "POST")
        orders = arrived()

        async def incident():
            asked = asyncio.create_task(ask_all(bff, [SCREEN] * 10 + [ORDER] * 10))
            async with asyncio.timeout(PATIENCE):
                while await asyncio.to_thread(arrived) == orders:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0)
            bff.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(2 * DEADLINE)
            bff.process.send_signal(signal.SIGCONT)
            thawed = time.perf_counter()
            return await asked, time.perf_counter() - thawed

        answers, seconds = asyncio.run(incident())
        ended = time.perf_counter()

        assert seconds < DEADLINE + SLACK or seconds - trial.starved(ended - seconds, ended) < DEADLINE + SLACK
        assert {answer.status_code for answer in answers} <= {200, 503}
        accepted = [answer for answer in answers[10:] if answer.status_code == 200]
        assert 1 <= shaky.arrivals("POST") - orders <= len(accepted)
        assert trial.opened() == []


def test_fault_35_a_process_that_is_told_to_leave_drops_nobody(start_bff, shaky, steady, pair):
    """DR-3: calls go on until a load balancer has noticed; all of them are answered, and the exit code is 0."""
    bff = start_bff(
        {"shaky": {"hosts": [shaky.url]}, "steady": {"hosts": [steady.url]}, "pair": {"hosts": [pair[0].url]}}
    )
    shaky.break_with(kinds.Latency(0.15))

    async def incident():
        asked, until = [], None
        async with httpx.AsyncClient(base_url=bff.url, timeout=PATIENCE) as client:
            started = time.monotonic()
            while until is None or time.monotonic() < until:
                asked.append(asyncio.ensure_future(client.post("/graphql", json={"query": SCREEN})))
                await asyncio.sleep(0.02)
                if until is None and time.monotonic() - started > 0.5:
                    bff.process.send_signal(signal.SIGTERM)
                    until = time.monotonic() + 0.3
            ready = await client.get(f"{bff.admin}/readyz")
            return ready, await asyncio.gather(*asked)

    ready, answers = asyncio.run(incident())
    shaky.heal()

    assert ready.status_code == 503
    assert len(answers) > 20
    assert [answer.json() for answer in answers if "errors" in answer.json()] == []
    assert bff.process.wait(PATIENCE) == 0


FILES = 64


def test_fault_36_a_process_without_free_files_recovers_and_does_not_spin(start_bff, shaky, steady, pair):
    """`ulimit -n 64`: connections beyond that wait or are refused, and the processor is not burnt meanwhile."""
    bff = start_bff(
        {"shaky": {"hosts": [shaky.url]}, "steady": {"hosts": [steady.url]}, "pair": {"hosts": [pair[0].url]}},
        most_files=FILES,
    )
    assert bff.ask(SCREEN).json()["data"]["thing"]
    place = urlsplit(bff.url)
    idle = [socket.create_connection((place.hostname, place.port)) for _ in range(FILES + 40)]
    time.sleep(0.3)
    used, started = processor_seconds(bff.pid), time.monotonic()

    answer = bff.ask(SCREEN).json()
    time.sleep(1)

    assert processor_seconds(bff.pid) - used < 0.3 * (time.monotonic() - started)
    assert bff.process.poll() is None
    assert "data" in answer
    for one in idle:
        one.close()
    until = time.monotonic() + 5
    while "errors" in bff.ask(SCREEN).json():
        assert time.monotonic() < until
    fresh = httpx.post(f"{bff.url}/graphql", json={"query": CALM}, timeout=PATIENCE)
    assert "errors" not in fresh.json()


def workers_of(pid):
    """Return the workers that *pid* has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def test_fault_38_a_worker_that_is_killed_is_replaced_while_the_other_serves(start_bff, shaky, steady, pair):
    bff = start_bff(
        {"shaky": {"hosts": [shaky.url]}, "steady": {"hosts": [steady.url]}, "pair": {"hosts": [pair[0].url]}},
        "--workers=2",
    )
    workers = workers_of(bff.pid)
    assert len(workers) == 2, workers
    failed, done, stop = [], [], threading.Event()

    def client():
        while not stop.is_set():
            try:
                answer = httpx.post(f"{bff.url}/graphql", json={"query": THING}, timeout=PATIENCE).json()
                (failed if "errors" in answer else done).append(answer)
            except httpx.HTTPError as error:
                failed.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    time.sleep(0.5)
    os.kill(workers[0], signal.SIGKILL)
    served, until = len(done), time.monotonic() + PATIENCE
    while len(set(workers_of(bff.pid)) - set(workers)) < 1:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert len(done) > served, "the other one has gone on"
    time.sleep(0.2)
    stop.set()
    thread.join(PATIENCE)

    assert len(failed) <= 2, "what the dead worker had in hand"
    assert bff.process.poll() is None
