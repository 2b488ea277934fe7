"""The same over real sockets: keys that rotate under load, a process that serves, Redis that replicas share."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from inspect import isawaitable
from pathlib import Path
from random import Random

import httpx
import pytest

from bff.app import shared_store
from bff.auth.api_keys import use_name
from bff.auth.assemble import open_auth
from bff.auth.replays import SharedReplays
from bff.clock import SystemClock
from bff.events import KeysFetched, KeyUnknown, ignore
from bff.policy.auth import AuthPolicy
from bff.policy.caching import StorePolicy
from bff.server.headers import Headers
from bff.server.ports import Arrival
from bff.server.refusal import Refusal
from bff.settings import Settings
from bff.testing.issuer import TokenIssuer
from bff.testing.redis_server import RedisServer
from bff.upstream.transport.engines import open_transport

ROOT = Path(__file__).parents[2]
READY = re.compile(r"ready: (http://\S+)/graphql \(admin: (http://[^)]+)\)")
APPLICATION = """
import strawberry

@strawberry.type
class Query:
    @strawberry.field(description="Who asks.")
    def me(self, info: strawberry.Info) -> str:
        return info.context.principal.subject or "nobody"

schema = strawberry.Schema(Query)
"""


@pytest.fixture
async def service(fake_upstream):
    """An issuer on a socket."""
    upstream = await fake_upstream()
    issuer = TokenIssuer(upstream.url, "ES256")

    async def keys(_):
        from bff.testing import Reply  # noqa: PLC0415 - loads on first use

        return Reply.json(issuer.jwks())

    upstream.on("GET", "/jwks", keys)
    upstream.issuer = issuer
    return upstream


def policy_of(service, **more):
    trusted = {
        "issuer": service.issuer.issuer,
        "audience": ["bff"],
        "jwks_uri": f"{service.url}/jwks",
        "algorithms": ["ES256"],
    }
    return {"issuers": [trusted], **more}


async def judged(authenticator, token):
    headers = Headers([(b"authorization", f"Bearer {token}".encode())])
    try:
        found = authenticator.identify(Arrival("POST", "/graphql", headers, None, "r"))
        await found if isawaitable(found) else found
    except Refusal as refusal:
        return refusal.statuses.draft
    return 200


async def test_keys_rotated_under_load_cause_no_false_refusal(service):
    """JK-3, JK-4: 20 callers, each with old tokens and new ones, while the key changes all at once."""
    clock, events, issuer = SystemClock(), [], service.issuer
    auth = open_auth(
        AuthPolicy.model_validate(policy_of(service)),
        open_transport=lambda limits: open_transport(limits, clock=clock),
        clock=clock,
        rng=Random(1),
        notify=events.append,
    )
    await auth.start()
    kept = issuer.token()

    async def caller():
        statuses = []
        for number in range(60):
            statuses.append(await judged(auth.authenticator, kept if number % 3 == 0 else issuer.token()))
            await asyncio.sleep(0.002)
        return statuses

    callers = [asyncio.create_task(caller()) for _ in range(20)]
    await asyncio.sleep(0.03)
    issuer.rotate()
    statuses = {status for some in await asyncio.gather(*callers) for status in some}
    await auth.close()

    assert statuses == {200}
    assert [event.kid for event in events if isinstance(event, KeyUnknown)] == [issuer.kid]
    assert len([event for event in events if isinstance(event, KeysFetched)]) == 2


class Process:
    """One `bff serve`, and its log."""

    def __init__(self, folder, policy, *arguments):
        (folder / "policies").mkdir(exist_ok=True)
        (folder / "policies/auth.yaml").write_text(json.dumps(policy), "utf-8")
        (folder / "policies/operations.yaml").write_text("drain: {delay: 0s, timeout: 1s}\n", "utf-8")
        (folder / "application.py").write_text(APPLICATION, "utf-8")
        command = [sys.executable, "-m", "bff.cli", "serve", "--schema", "application:schema", "--port", "0"]
        self._process = subprocess.Popen(
            [*command, "--admin-port", "0", "--policies", "policies", "--verbose", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = []
        self._reader = threading.Thread(target=lambda: self.log.extend(self._process.stderr), daemon=True)
        self._reader.start()

    def ready(self):
        """Wait until it listens, and return its public and its admin address."""
        found = READY.search(self._process.stdout.readline())
        assert found, "".join(self.log)
        return found[1], found[2]

    def exit_code(self):
        """Wait until it has ended by itself."""
        code = self._process.wait(30)
        self.stop()
        return code

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.terminate()
        self._process.wait(30)
        self._reader.join(5)
        self._process.stdout.close()
        self._process.stderr.close()


@pytest.fixture
def serve(tmp_path):
    """Return a function that starts a process with this `policies/auth.yaml`."""
    started = []

    async def start(policy, *arguments):
        started.append(Process(tmp_path, policy, *arguments))
        return started[-1], *(await asyncio.to_thread(started[-1].ready))

    yield start
    for process in started:
        process.stop()


async def test_a_process_lets_in_whom_it_knows_and_logs_no_token(serve, service):
    """AU-11 as a client sees it: one challenge, the code of the contract, no store; the log has reasons only."""
    process, url, admin = await serve(policy_of(service))
    token, expired = service.issuer.token(), service.issuer.token(exp=1)
    answers = {}
    async with httpx.AsyncClient(base_url=url) as client:
        for name, given in {"good": token, "again": token, "expired": expired, "none": None}.items():
            headers = {"authorization": f"Bearer {given}"} if given else {}
            answers[name] = await client.post("/graphql", json={"query": "{ me }"}, headers=headers)
        answers["query"] = await client.post(f"/graphql?access_token={token}", json={"query": "{ me }"})
        twice = [("authorization", f"Bearer {token}")] * 2
        answers["twice"] = await client.post("/graphql", json={"query": "{ me }"}, headers=twice)
        readiness = (await client.get(f"{admin}/readyz")).json()
    await asyncio.to_thread(process.stop)

    assert [answers[name].json()["data"] for name in ("good", "again")] == [{"me": "u1"}] * 2
    assert readiness["status"] == "ready"
    assert readiness["checks"]["issuers"] == "ready"
    told = {
        name: (answer.status_code, answer.headers.get_list("www-authenticate"), answer.json()["errors"][0])
        for name, answer in answers.items()
        if answer.status_code != 200
    }
    assert {name: (status, challenge) for name, (status, challenge, _) in told.items()} == {
        "expired": (401, ['Bearer error="invalid_token"']),
        "none": (401, ["Bearer"]),
        "query": (400, ['Bearer error="invalid_request"']),
        "twice": (400, ['Bearer error="invalid_request"']),
    }
    assert {error["extensions"]["code"] for _, _, error in told.values()} == {"UNAUTHENTICATED", "BAD_REQUEST"}
    assert {answers[name].headers["cache-control"] for name in told} == {"no-store"}
    log = "".join(process.log)
    assert "expired" in log
    for part in (*token.split("."), *expired.split(".")):
        assert part not in log


async def test_a_process_without_its_issuer_starts_is_not_ready_and_opens_to_nobody(serve, service):
    """JK-5, lesson 17."""
    await service.stop()
    _, url, admin = await serve(policy_of(service, anonymous="allow"))
    async with httpx.AsyncClient(base_url=url) as client:
        headers = {"authorization": f"Bearer {service.issuer.token()}"}
        known = await client.post("/graphql", json={"query": "{ me }"}, headers=headers)
        unknown = await client.post("/graphql", json={"query": "{ me }"})
        readiness = await client.get(f"{admin}/readyz")

    assert known.status_code == 503
    assert known.json()["errors"][0]["extensions"]["code"] == "AUTH_UNAVAILABLE"
    assert int(known.headers["retry-after"]) >= 1
    assert known.headers.get_list("www-authenticate") == []
    assert unknown.json()["data"] == {"me": "nobody"}
    assert (readiness.status_code, readiness.json()["checks"]["issuers"]) == (503, "failed")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_lock_that_cannot_be_built_starts_nothing(workers, tmp_path):
    """Lesson 17: and says where and why, in one line."""
    issuer = {"issuer": "https://id.example.com/", "audience": ["bff"], "secret": "env:NOT_SET_ANYWHERE"}
    process = Process(tmp_path, {"issuers": [{**issuer, "algorithms": ["HS256"]}]}, "--workers", workers)

    assert process.exit_code() == 2
    (_, line) = process.log
    assert re.match(r"policies/auth\.yaml:1:\d+: environment variable NOT_SET_ANYWHERE is not set\n", line)


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.stop()


async def test_what_was_used_on_one_replica_is_used_on_all(redis):
    """DP-1: a proof counts once; AK-1: all replicas note the last use."""
    settings = Settings(redis_url=redis.url)
    stores = [
        shared_store(settings, StorePolicy(), use="auth", clock=SystemClock(), notify=ignore) for _ in range(2)
    ]
    one, other = (SharedReplays(store) for store in stores)

    uses = [await one.first("a"), await other.first("a"), await other.first("b")]
    await stores[0].set({use_name("k"): b"1"}, 10)
    noted = await stores[1].get([use_name("k")])
    for store in stores:
        await store.close()

    assert (uses, noted) == ([True, False, True], {use_name("k"): b"1"})
