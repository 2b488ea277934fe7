"""RFC 9111 by the public suite `http-cache-tests`: its server and client, our cache between them (CA-26)."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("http-cache-tests")]

ROOT = Path(__file__).parents[3]
HOME = ROOT / ".build" / "http-cache-tests"
SUITE = HOME / "node_modules" / "http-cache-tests"
VERSION = "0.4.5"

FAILED = {
    "age-parse-prefix": (
        "Response 2 does not come from cache",
        "wants `Age: 0,7200` fresh, against its own title and age-parse-dup-0, which wants `Age: 0, 0` stale",
    ),
    "headers-store-Set-Cookie": (
        'Response 2 header Set-Cookie is "null", not "a=c"',
        "contradicts F5: one user's cookie never reaches another, whatever RFC 9111 would allow",
    ),
    "304-etag-update-response-Set-Cookie": ('Response 2 header Set-Cookie is "null", not "a=c"', "as above"),
}
"""Required tests that fail: exactly what the suite says of each, and why that is no fault of ours."""

UNDECIDED = {f"stale-close-{rule}" for rule in ("must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=2")}
"""Required tests of which the suite itself says that their set-up failed, not the cache.

Their origin hangs up without an answer. RFC 9111, section 5.2.2.2 wants an error then, which we give; the suite's
client cannot go on from anything but 200.
"""

OPTIMAL_SKIPPED = {
    "heuristic-": "heuristic freshness is off: services say how long (CA-1)",
    "status-": "only 200, 203, 204 and, where policy says so, 404 are kept; others are failures or refusals",
    "partial-": "ranges",
    "method-POST": "a POST is kept only where an endpoint declares it",
    "other-set-cookie": "cookies are never kept",
    "conditional-lm": "our own clients validate by ETag; If-Modified-Since of clients is the edge's matter",
    "conditional-etag-weak-respond": "answering a client's own weak validator is the edge's matter",
    "invalidate-": "a change that failed with 5xx may have happened, so we forget what it may have changed",
    "vary-normalise-": "values of request headers are compared as they were sent",
}
"""Beginnings of the ids of optimal tests that we leave out, with the reason."""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def suite():
    """The installed suite: its tests by id, and the headers they send."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.fail("npm and node are needed: apt-get install npm, then again", pytrace=False)
    if not SUITE.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        (HOME / "package.json").write_text("{}")
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", f"http-cache-tests@{VERSION}"]
        done = subprocess.run(command, cwd=HOME, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"npm cannot install http-cache-tests {VERSION}: {done.stderr[-300:]}", pytrace=False)
    lister = Path(__file__).with_name("list_http_cache_tests.mjs")
    listed = subprocess.run(
        ["node", "--no-warnings", lister, SUITE / "tests" / "index.mjs"], check=True, capture_output=True
    )
    return json.loads(listed.stdout)


@pytest.fixture(scope="module")
def results(suite, tmp_path_factory):
    """What the suite's client found, by id: true, or what went wrong."""
    port = free_port()
    settings = {
        "npm_config_protocol": "http",
        "npm_config_port": str(port),
        "npm_config_pidfile": str(tmp_path_factory.mktemp("suite") / "pid"),
        "npm_config_id": "",
        "npm_package_config_id": "",
    }
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    node = ["node", "--no-warnings"]
    origin = subprocess.Popen([*node, "server/server.mjs"], cwd=SUITE, env=environment, stdout=subprocess.PIPE)
    front = None
    try:
        origin.stdout.readline()
        command = [sys.executable, Path(__file__).with_name("http_cache_front.py"), f"http://127.0.0.1:{port}"]
        front = subprocess.Popen(
            [*command, ",".join(suite["headers"])], env=environment, stdout=subprocess.PIPE, text=True
        )
        base = f"http://127.0.0.1:{front.stdout.readline().strip()}"
        done = subprocess.run(
            [*node, "cli.mjs"],
            cwd=SUITE,
            env={**environment, "npm_config_base": base},
            check=True,
            capture_output=True,
            timeout=120,
        )
        return json.loads(done.stdout)
    finally:
        for process in (front, origin):
            if process is not None:
                process.terminate()
                process.wait(10)
                process.stdout.close()


def of_kind(suite, kind):
    return sorted(name for name, test in suite["tests"].items() if test["kind"] == kind and not test["browser"])


def test_every_required_case_passes_but_those_named_here(suite, results):
    others = {name: results.get(name, [None, None]) for name in of_kind(suite, "required")}
    others = {name: result for name, result in others.items() if result is not True}

    assert {name for name, (kind, _) in others.items() if kind == "Setup"} == UNDECIDED
    assert {name: said for name, (kind, said) in others.items() if kind != "Setup"} == {
        name: said for name, (said, _) in FAILED.items()
    }


def test_each_optimal_case_that_we_skip_has_its_reason(suite, results):
    """They are chances to keep more, never to answer wrongly."""
    skipped = [name for name in of_kind(suite, "optimal") if results.get(name) is not True]

    assert [name for name in skipped if not name.startswith(tuple(OPTIMAL_SKIPPED))] == []
