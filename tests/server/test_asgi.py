"""The public app runs unchanged on another ASGI server."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def granian(tmp_path_factory):
    """Return the address of the app under granian."""
    port = free_port()
    options = ["--interface", "asgi", "--factory", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
    log = tmp_path_factory.mktemp("granian") / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("granian")), *options, "bff.asgi:create"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "BFF_SCHEMA": "tests.generations.own_code:schema",
                 "BFF_CONTEXT": "tests.generations.own_code:context",
                 "BFF_LIFESPAN": "tests.generations.own_code:lifespan"},
            cwd=ROOT,
            stdout=written,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/")
                    break
                except httpx.TransportError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < until, log.read_text()
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/graphql"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def test_operations_run_and_what_the_application_opened_is_there(granian):
    answer = httpx.post(granian, json={"query": "{ shelf }"})

    assert answer.json() == {"data": {"shelf": ["shelf"]}}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-request-id"]


def test_refusals_have_their_status_and_an_answer_asked_for_again_is_the_same(granian):
    assert httpx.post(granian, json={"query": "{ nope }"}).status_code == 422
    assert httpx.post(granian, content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert httpx.get(granian.removesuffix("/graphql") + "/elsewhere").status_code == 404
    with httpx.Client() as client:
        answers = [client.post(granian, json={"query": "{ shelf }"}).content for _ in range(5)]
    assert len(set(answers)) == 1
