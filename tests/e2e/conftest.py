"""The whole product as a user runs it: issuer, nine services, `bff serve` on its own ports, HTTP in between."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from bff.testing.development_issuer import DevelopmentIssuer
from upstreams.simulation.cluster import MEMBERS, Cluster

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "schema" / "operations"
READY = re.compile(r"ready: (http://\S+)/graphql \(admin: (http://[^)]+)\)")
SECTIONS = re.compile(r"^(cache|fallback):.*\n([ \t].*\n|\n)*", re.MULTILINE)
"""What says how long answers are kept and what stands in for them."""

ISSUER = "http://127.0.0.1:9100"
"""What the application's policies name."""

CLEAN_RUNS = 2
"""As many as a breaker needs successful probes."""

OPEN_TIMES = re.compile(r"\b(open_time|max_open_time): [^\s,}]+")
FORGIVING = "\nretry: {gate_max: 500ms}\nbreaker: {open_time: 500ms, max_open_time: 500ms}\n"
"""Services are looked at again soon, so that one test's outage is over before the next test's."""


class Bff:
    """One `bff serve` process, its log, and a client that asks it."""

    def __init__(self, policies, *, arguments=(), schema="schema:schema", cwd=ROOT, issuer=None, search=None):
        self._search = search
        command = [sys.executable, "-m", "bff.cli", "serve", "--schema", schema, "--policies", str(policies)]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--admin-port", "0", "--development", *arguments],
            cwd=cwd,
            env={
                **os.environ,
                **(issuer.environ if issuer else {}),
                "PYTHONPATH": os.pathsep.join([str(cwd), str(ROOT)]),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        line = self.process.stdout.readline()
        found = READY.search(line)
        assert found, f"bff did not start: {line}{''.join(self.errors)}"
        self.url, self.admin = found[1], found[2]
        self.client = httpx.Client(
            base_url=self.url, headers=issuer.headers("customer") if issuer else {}, timeout=30
        )

    def _read(self):
        self.errors.extend(self.process.stderr)

    @property
    def log(self):
        """What it has written to standard error, one JSON object a line."""
        return [json.loads(line) for line in list(self.errors) if line.startswith("{")]

    def ask(self, query, variables=None, **headers):
        return self.client.post("/graphql", json={"query": query, "variables": variables or {}}, headers=headers)

    def run(self, name, **changes):
        """Run one of the app's operations by its file name."""
        variables = json.loads((OPERATIONS / f"{name}.variables.json").read_text(encoding="utf-8"))
        return self.ask((OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8"), {**variables, **changes})

    def forget(self, *upstreams):
        """Let it forget what it keeps of these services' answers."""
        for name in upstreams:
            purged = httpx.post(f"{self.admin}/admin/api/cache/purge", json={"upstream": name}, timeout=30)
            assert purged.status_code == 200, purged.text

    def close(self):
        """Stop it by SIGTERM, and once more so that it does not wait; return its exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.terminate()
        code = self.process.wait(30)
        self._reader.join(5)
        if self._search:
            self._search(self.errors)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@pytest.fixture(scope="session")
def issuer():
    """The development issuer, from whom everybody here has their tokens."""
    with DevelopmentIssuer(ROOT) as issuer:
        yield issuer


@pytest.fixture(scope="session")
def services(issuer):
    # Nobody moves while we compare answers.
    with Cluster(latency="1ms", tick="3600s", issuer=issuer.url) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def policies_for(tmp_path_factory, issuer):
    """Return a copy of the application's policies that name other addresses.

    Nothing is kept and nothing falls back unless *keeping*: most tests look at what a failure does to an answer
    that has to be fetched.
    """

    def copy(urls, *, keeping=False):
        folder = tmp_path_factory.mktemp("application") / "policies"
        shutil.copytree(ROOT / "policies", folder)
        for file in (folder / "auth.yaml", folder / "upstreams" / "payments.yaml"):
            _rewrite(file, ISSUER, issuer.url)
        for file in (folder / "upstreams").glob("*.yaml"):
            text = file.read_text(encoding="utf-8")
            for member, port in MEMBERS.items():
                if member in urls:
                    text = text.replace(f"http://127.0.0.1:{port}", urls[member])
            if not keeping:
                text = SECTIONS.sub("", text) + "\ncache: {scope: off}\nfallback: {on_failure: error}\n"
            file.write_text(OPEN_TIMES.sub(r"\1: 500ms", text), encoding="utf-8")
        with (folder / "defaults.yaml").open("a", encoding="utf-8") as defaults:
            defaults.write(FORGIVING)
        return folder

    return copy


def _rewrite(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def bff(services, policies_for, issuer, search_log):
    started = Bff(policies_for(services.urls), issuer=issuer, search=search_log)
    started.run("home")
    yield started
    assert started.close() == 0


@pytest.fixture(scope="module")
def keeping_bff(services, policies_for, issuer, search_log):
    """Two workers under the application's own policies, which keep answers and fall back on them."""
    policies = policies_for(services.urls, keeping=True)
    started = Bff(policies, arguments=["--workers", "2"], issuer=issuer, search=search_log)
    yield started
    services.heal()
    started.close()


@pytest.fixture
def start_bff(issuer, search_log):
    """Return a function that starts a further process, stopped at the end of the test."""
    started = []

    def start(*args, **options):
        started.append(Bff(*args, issuer=issuer, search=search_log, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="module")
def module_bff(search_log):
    """Return a function that starts a further process, stopped at the end of the module."""
    started = []

    def start(*args, **options):
        started.append(Bff(*args, search=search_log, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(autouse=True)
def well_again(request):
    """After a test with an outage, wait until all breakers of the shared process are closed."""
    app = request.getfixturevalue("bff") if "healed" in request.fixturenames else None
    yield
    clean, deadline = 0, time.monotonic() + 15
    while app and clean < CLEAN_RUNS:
        clean = 0 if "errors" in app.run("home").json() else clean + 1
        assert time.monotonic() < deadline, "the services are well, and the screen is not whole"
        time.sleep(0 if clean else 0.05)


@pytest.fixture
def healed(services):
    """All services, whole again after the test."""
    yield services
    for member, code in services.exit_codes().items():
        if code is not None:
            services.restart(member)
    services.heal()
