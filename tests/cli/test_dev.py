"""`bff dev`: what is changed is served, what is broken is shown and waited for, Ctrl+C leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from bff.cli.dev import is_code_of, is_served
from bff.cli.new import content, write
from bff.cli.services import listens
from bff.testing.redis_server import free_port
from bff.upstream.pipeline.balance import Host

ROOT = Path(__file__).parents[2]
PATIENCE = 120
SHELF = "query Shelf { books { title rating { average } } }"


class Dev:
    """`bff dev` in a folder, and all that it has said."""

    def __init__(self, folder):
        self.folder = folder
        self._said = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "bff.cli",
                "dev",
                "--port",
                "0",
                "--admin-port",
                "0",
                "--log-format",
                "text",
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "NO_COLOR": "1", "PYTHONUTF8": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self._said.append(line)
                self._news.notify_all()

    def said(self, pattern, *, since=0):
        """Wait until what was said since place *since* has *pattern*; return the match and the place after it."""
        until = time.monotonic() + PATIENCE
        with self._news:
            while not (found := re.search(pattern, "".join(self._said[since:]), re.DOTALL)):
                assert self._news.wait(until - time.monotonic()), f"no {pattern!r} in:\n{''.join(self._said)}"
            return found, len(self._said)

    @property
    def lines(self):
        with self._news:
            return list(self._said)

    def end(self, number):
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()
        return code


@pytest.fixture
def shop(tmp_path):
    """Return the folder of a new application whose fake services have ports of their own."""
    folder = tmp_path / "shop"
    write(folder, content({"name": "shop", "requirement": "bff"}))
    ports = {"9301": free_port(), "9302": free_port()}
    for name in ("policies/upstreams/books.yaml", "policies/upstreams/ratings.yaml", "upstreams/fakes.py"):
        text = (folder / name).read_text("utf-8")
        for old, new in ports.items():
            text = text.replace(old, str(new))
        (folder / name).write_text(text, "utf-8")
    return folder, ports


def rewrite(folder, name, old, new):
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def dev(shop):
    """Return `bff dev` in an application with a misspelt policy key and a resolver that fails."""
    folder, _ = shop
    rewrite(folder, "policies/upstreams/ratings.yaml", "total: 1400ms", "totall: 1400ms")
    rewrite(folder, "resolvers/ratings.py", "return await", "raise LookupError('no pen')\n    return await")
    started = Dev(folder)
    yield started
    if started.process.poll() is None:
        started.end(signal.SIGTERM)


@pytest.fixture
def clients():
    """Return what closes HTTP clients after the test."""
    with ExitStack() as stack:
        yield stack


def test_a_day_at_work(dev, shop, clients):
    """One process for the whole story, for each start takes seconds."""
    folder, ports = shop
    _, place = dev.said("Waiting for a change")
    assert re.search(r"ratings\.yaml:7:3: .*totall", "".join(dev.lines))

    rewrite(folder, "policies/upstreams/ratings.yaml", "totall", "total")
    ready, place = dev.said(r"bff is ready: (http://\S+)/graphql \(admin: http://", since=place)
    client = clients.enter_context(httpx.Client(base_url=ready[1], timeout=PATIENCE))

    def ask(expected):
        """Ask until the answer is as *expected*: on a busy machine calls may come too late."""
        until = time.monotonic() + PATIENCE
        while not expected(answer := client.post("/graphql", json={"query": SHELF}).json()):
            assert time.monotonic() < until, answer

    # A resolver that fails: its own lines, with operation and path.
    ask(lambda answer: answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR")
    told, place = dev.said(
        r"INTERNAL_SERVER_ERROR at books\.0\.rating.* in Shelf.*╯\nLookupError: no pen", since=place
    )
    assert re.search(r"resolvers/ratings\.py:\d+ in rating", told[0])
    assert "site-packages" not in told[0]

    # A policy is taken over by the process that runs.
    rewrite(folder, "policies/upstreams/ratings.yaml", "total: 1400ms", "total: 1500ms")
    told, place = dev.said(r"reload to=applied", since=place)
    assert "Serving again" not in told.string

    # Code that cannot be imported: shown, and waited for. A fake service starts anew, for it is its code.
    rewrite(folder, "resolvers/ratings.py", "raise LookupError(", "raise LookupError((")
    _, place = dev.said(r"resolvers/ratings\.py:.*SyntaxError.*Waiting for a change", since=place)
    refusal = client.post("/graphql", json={"query": SHELF})
    assert (refusal.status_code, "the terminal of `bff dev` says why" in refusal.text) == (503, True)
    rewrite(folder, "upstreams/fakes.py", "4.7", "3.9")
    _, place = dev.said(r"Started anew: python -m upstreams\.fakes.*Waiting for a change", since=place)
    rewrite(folder, "resolvers/ratings.py", "raise LookupError(('no pen')\n    ", "")
    dev.said(r"Serving again after .*: resolvers/ratings\.py", since=place)
    ask(lambda answer: "errors" not in answer and answer["data"]["books"][0]["rating"] == {"average": 3.9})

    assert dev.end(signal.SIGINT) == 0
    assert not any(listens(Host.parse(f"http://127.0.0.1:{port}")) for port in ports.values())
    with pytest.raises(httpx.TransportError):
        client.post("/graphql", json={"query": SHELF})


def test_a_port_that_is_taken_is_told_with_the_way_out(project):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = project().bff("dev", "--port", str(port), "--no-services")

    assert result.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in result.err
    assert "--port" in result.err


@pytest.mark.parametrize(
    ("command", "path", "its"),
    [
        ("python -m upstreams.fakes", "upstreams/fakes.py", True),
        ("python -m upstreams.simulation all --issuer x", "upstreams/simulation/world/draw.py", True),
        ("python -m upstreams.simulation all", "upstreams/catalog.py", False),
        ("python tools/fake.py --port 1", "tools/fake.py", True),
        ("npm start", "resolvers/books.py", False),
    ],
)
def test_a_service_is_started_anew_for_its_own_code(command, path, its):
    assert is_code_of(command, Path(path)) is its


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("resolvers/books.py", True),
        ("policies/upstreams/books.yaml", True),
        ("pyproject.toml", True),
        ("tests/test_shelf.py", False),
        ("README.md", False),
        ("venv/lib/site.py", False),
    ],
)
def test_what_is_watched(path, served):
    assert is_served(Path(path)) is served
