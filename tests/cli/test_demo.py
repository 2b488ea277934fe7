"""`bff demo` with an issuer: it is there while the demo is, and its tokens are good."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from bff.testing.redis_server import free_port

ROOT = Path(__file__).parents[2]
DEMO = """
[tool.bff.demo]
services = []
secrets = ["BFF_TEST_LOGIN_SECRET"]
hints = ["a token: {{bff}} token --as customer"]

[tool.bff.demo.issuer]
port = {port}
people = [{{ subject = "u1", role = "customer", name = "Lena" }}]
clients = [{{ id = "web", secret = "env:BFF_TEST_LOGIN_SECRET" }}]
"""


@pytest.fixture
def demo(project):
    """Return a running demo's process, what it said, and where its issuer is."""
    made, port = project(), free_port()
    for file in (made.directory / "policies").rglob("*.yaml"):
        file.unlink()
    text = (made.directory / "pyproject.toml").read_text("utf-8")
    made.write({"pyproject.toml": text + DEMO.format(port=port)})
    process = subprocess.Popen(
        [sys.executable, "-m", "bff.cli", "demo", "--port", "0", "--admin-port", "0"],
        cwd=made.directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(made.directory), str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield made, process, f"http://127.0.0.1:{port}"
    for _ in range(2):
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    process.wait(30)
    process.stdout.close()


def test_the_demo_has_an_issuer_while_it_runs(demo):
    made, process, issuer = demo
    ready, hint = process.stdout.readline(), process.stdout.readline()

    result = made.bff("token", "--as", "customer")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.wait(30)

    assert "is ready" in ready
    assert re.search(r"a token: \S*bff token --as customer", hint)
    assert result.out.count(".") == 2
    with pytest.raises(URLError):
        urlopen(f"{issuer}/jwks.json", timeout=2)
