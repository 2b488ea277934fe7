"""All workers of a host have the same policies in force, however they learn of them (fault 37)."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.generations.conftest import PATIENCE, write

ROOT = Path(__file__).parents[2]
READY = re.compile(r"ready: (http://\S+)/graphql \(admin: (http://[^)]+)\)")
BROKEN = "limits:\n  depht: 3\n"


class Serving:
    """`bff serve` with two workers."""

    def __init__(self, folder, *arguments):
        self.folder = folder
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "bff.cli", "serve", "--schema", "tests.generations.shop:schema",
                "--policies", str(folder), "--port", "0", "--admin-port", "0", "--workers", "2", *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.lines = []
        self._reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self._reader.start()
        found = READY.search(self.process.stdout.readline())
        assert found, f"bff did not start: {self.lines}"
        self.public, self.admin = (httpx.Client(base_url=url, timeout=PATIENCE) for url in found.groups())

    def status(self):
        return self.admin.get("/admin/api/reload").json()

    def digests(self):
        return [worker.get("digest") for worker in self.status()["workers"]]

    def errors(self):
        return [(worker.get("error") or {}).get("message", "") for worker in self.status()["workers"]]

    def close(self):
        self.public.close()
        self.admin.close()
        self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()


def wait(true, what):
    deadline = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reload") / "policies"
    write(folder, "operations.yaml", "drain: {delay: 0s}\n")
    started = Serving(folder, "--no-watch")
    yield started
    started.close()


def test_all_workers_agree_after_a_signal(serving):
    before = serving.digests()
    assert before[0] == before[1]

    write(serving.folder, "operations.yaml", "drain: {delay: 0s}\nlimits: {depth: 7}\n")
    serving.process.send_signal(signal.SIGHUP)

    wait(lambda: serving.status()["agree"] and serving.digests()[0] != before[0], "the workers do not agree")


def test_a_broken_file_shows_in_all_workers_and_changes_none(serving):
    before = serving.digests()

    write(serving.folder, "operations.yaml", BROKEN)
    serving.process.send_signal(signal.SIGHUP)

    wait(lambda: all("operations.yaml:2:3" in error for error in serving.errors()), "the error is not shown")
    assert serving.digests() == before
    assert serving.admin.get("/readyz").status_code == 200


def test_a_worker_that_crashes_meanwhile_is_replaced_by_one_with_what_is_in_force(serving):
    write(serving.folder, "operations.yaml", BROKEN)
    before = serving.digests()[0]
    answer = serving.public.post("/graphql", json={"query": "{ process }"})

    os.kill(answer.json()["data"]["process"], signal.SIGKILL)

    wait(lambda: any("ended with exit code -9" in line for line in serving.lines), "nobody noticed")
    wait(lambda: serving.digests() == [before, before], "the worker has not come back")


def test_one_worker_that_is_asked_tells_the_others(serving):
    write(serving.folder, "operations.yaml", "drain: {delay: 0s}\nlimits: {depth: 8}\n")
    before = serving.digests()

    answer = serving.admin.post("/admin/api/reload")

    assert (answer.status_code, answer.json()["agree"], answer.json()["error"]) == (200, True, None)
    assert [worker["digest"] for worker in answer.json()["workers"]] == serving.digests() != before
    lines = [json.loads(line) for line in serving.lines if line.startswith("{")]
    assert all(line["level"] != "error" or line["event"] == "reload" for line in lines)
