"""Whole processes: how they start, what signals do to them, and that a rolling restart loses nothing."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def refused(url):
    try:
        httpx.get(url)
    except httpx.TransportError:
        return True
    return False


def test_a_process_says_where_it_is_and_leaves_when_told(replica):
    server = replica("--delay", "0ms")

    assert server.ask("{ __typename }").json() == {"data": {"__typename": "Query"}}
    assert [server.status(probe) for probe in ("/livez", "/readyz", "/startupz")] == [200, 200, 200]

    server.signal()

    assert server.process.wait(10) == 0
    assert server.process.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_draining_process_serves_on_while_readiness_says_no(replica, number):
    """DR-1, DR-2: new connections included, each answer asking its client to come elsewhere next."""
    server = replica("--delay", "2s")  # time to look, also on a busy machine
    with httpx.Client() as client:
        assert "connection" not in client.post(server.url, json={"query": "{ __typename }"}).headers
        server.signal(number)
        until(lambda: server.status() == 503)
        answer = client.post(server.url, json={"query": "{ __typename }"})
        fresh = server.ask("{ __typename }")

    assert (answer.status_code, fresh.status_code) == (200, 200)
    assert answer.headers["connection"] == fresh.headers["connection"] == "close"
    assert httpx.get(server.admin + "/readyz").json() == {"status": "draining"}
    assert server.process.wait(10) == 0


def test_idle_connections_are_closed_and_busy_ones_finish(replica):
    server = replica("--delay", "500ms")
    with socket.create_connection(("127.0.0.1", server.port)) as idle, ThreadPoolExecutor() as pool:
        idle.settimeout(10)
        idle.sendall(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n")
        received = b""
        while not received.endswith(b"}"):
            received += idle.recv(1000)
        busy = pool.submit(server.ask, "{ slow(ms: 3000) }")
        until(lambda: server.in_flight == 1)
        server.signal()
        assert idle.recv(1000) == b""
        assert not busy.done()
        assert refused(server.url)

        assert busy.result().json() == {"data": {"slow": "slept"}}
    assert server.process.wait(10) == 0


def test_what_outlasts_the_drain_gets_a_last_error(replica):
    server = replica("--delay", "500ms", "--timeout", "200ms")
    with ThreadPoolExecutor() as pool:
        busy = pool.submit(server.ask, "{ slow(ms: 60000) }", timeout=30)
        until(lambda: server.in_flight == 1)
        server.signal()

        answer = busy.result()

    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "SHUTTING_DOWN"
    assert server.process.wait(10) == 0


def test_a_second_signal_ends_the_patience(replica):
    server = replica("--delay", "1m", "--timeout", "1m")
    with ThreadPoolExecutor() as pool:
        busy = pool.submit(server.ask, "{ slow(ms: 60000) }", timeout=30)
        until(lambda: server.in_flight == 1)
        server.signal()
        until(lambda: server.status() == 503)
        server.signal()

        assert busy.result().status_code == 503
    assert server.process.wait(10) == 0


def run_replica(*options):
    script = Path(__file__).with_name("replica.py")
    environment = {**os.environ, "PYTHONPATH": str(script.parents[2])}
    return subprocess.run(
        [sys.executable, str(script), *options],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
        check=False,
    )


def test_a_port_that_is_taken_is_one_line_and_code_2():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_replica("--port", str(port))

    assert done.returncode == 2
    assert done.stderr == f"bff: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_workers_that_cannot_start_end_everything():
    done = run_replica("--workers", "2", "--broken")

    assert done.returncode == 7


def test_several_workers_share_the_port_and_end_together(replica):
    server = replica("--workers", "2", "--delay", "500ms")
    seen = set()
    until(lambda: seen.add(server.ask("{ process }").json()["data"]["process"]) or len(seen) == 2)

    with ThreadPoolExecutor() as pool:
        busy = [pool.submit(server.ask, "{ slow(ms: 1500) }") for _ in range(4)]
        until(lambda: server.in_flight == 1)
        server.signal()
        assert [answer.result().json() for answer in busy] == [{"data": {"slow": "slept"}}] * 4

    assert server.process.wait(10) == 0
    assert not any(alive(number) for number in seen)


def alive(number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, 0)
        return True
    return False


def test_a_worker_that_crashes_is_replaced_while_the_other_serves(replica):
    """Fault 38."""
    server = replica("--workers", "2")
    before = set()
    until(lambda: before.add(server.ask("{ process }").json()["data"]["process"]) or len(before) == 2)

    with pytest.raises(httpx.TransportError):
        server.ask("{ crash }")
    assert [server.ask("{ __typename }").status_code for _ in range(20)] == [200] * 20

    after = set()
    until(lambda: after.add(server.ask("{ process }").json()["data"]["process"]) or len(after - before) == 1)
    server.signal()
    assert server.process.wait(10) == 0
    said = r"bff: worker (\d+) ended with exit code 9; another one starts in 1 s\n"
    (crashed,) = re.findall(said, server.process.stderr.read())
    assert int(crashed) in before


def test_workers_do_not_outlive_their_parent(replica):
    server = replica("--workers", "2", "--delay", "0ms")
    seen = set()
    until(lambda: seen.add(server.ask("{ process }").json()["data"]["process"]) or len(seen) == 2)

    server.signal(signal.SIGKILL)

    until(lambda: not any(alive(number) for number in seen))


class Balancer:
    """Sends each request to the next replica that said it is ready when last asked, one probe each 100 ms."""

    LAG = 0.1

    def __init__(self, replicas):
        self.replicas = list(replicas)
        self.ready = list(replicas)
        self.turn = 0
        self.over = threading.Event()

    def watch(self):
        with httpx.Client(timeout=1) as client:
            while not self.over.wait(self.LAG):
                self.ready = [replica for replica in list(self.replicas) if self.says_ready(client, replica)]

    @staticmethod
    def says_ready(client, replica):
        try:
            return client.get(replica.admin + "/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def pick(self):
        self.turn += 1
        return self.ready[self.turn % len(self.ready)]


async def load(balancer, over, rate=50):
    """Send *rate* requests a second of 200 ms each until *over*; return their outcomes."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=60)
    async with httpx.AsyncClient(limits=limits, timeout=10) as client:

        async def ask():
            try:
                answer = await client.post(balancer.pick().url, json={"query": "{ slow(ms: 200) }"})
            except httpx.TransportError as error:
                return repr(error)
            return answer.json().get("data")

        tasks = []
        while not over.is_set():
            tasks.append(asyncio.create_task(ask()))
            await asyncio.sleep(1 / rate)
        return await asyncio.gather(*tasks)


@pytest.mark.slow
def test_a_rolling_restart_loses_no_request(replica):
    """DR-3, scaled: requests of 200 ms, readiness noticed within 100 ms, a drain delay of 400 ms."""
    options = ("--delay", "400ms")
    balancer = Balancer([replica(*options) for _ in range(3)])
    with ThreadPoolExecutor() as pool:
        watching = pool.submit(balancer.watch)
        restarted = threading.Event()
        outcomes = pool.submit(asyncio.run, load(balancer, restarted))
        try:
            for old in tuple(balancer.replicas):
                fresh = replica(*options)
                balancer.replicas.append(fresh)
                until(lambda fresh=fresh: fresh in balancer.ready)
                old.signal()
                assert old.process.wait(10) == 0
                balancer.replicas.remove(old)
        finally:
            restarted.set()
            balancer.over.set()
        failed = [outcome for outcome in outcomes.result() if outcome != {"slow": "slept"}]
        watching.result()

    assert not failed
    assert len(outcomes.result()) > 100
