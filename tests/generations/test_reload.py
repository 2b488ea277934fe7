"""Policies change while requests run: all of them or none, and nobody notices but by what they say."""

import asyncio
import gc
import weakref

import pytest

from bff.testing import Reply
from bff.testing.issuer import TokenIssuer
from tests.generations.conftest import until

THING = '{ thing(id: "1") }'
LETTER = '{ letter(id: "1") }'
CALM = "retry: {attempts: 1}\ncache: {scope: off}\n"


def upstream(*urls, **sections):
    more = "".join(f"{name}: {value}\n" for name, value in sections.items())
    return f"hosts: [{', '.join(urls)}]\n{more}"


def files_of(stock="http://127.0.0.1:1", mail="http://127.0.0.1:1", **files):
    return {
        "defaults.yaml": CALM,
        "upstreams/stock.yaml": upstream(stock),
        "upstreams/mail.yaml": upstream(mail),
        **{name.replace("__", "/") + ".yaml": text for name, text in files.items()},
    }


@pytest.fixture
async def service(fake_upstream):
    fake = await fake_upstream()
    fake.on("GET", "/things/{id}", json="old")
    return fake


@pytest.fixture
async def other(fake_upstream):
    fake = await fake_upstream()
    fake.on("GET", "/things/{id}", json="new")
    return fake


async def test_what_is_written_is_in_force_for_the_next_request(start, service, other):
    bff = await start(files_of(service.url))
    assert (await bff.ask(THING))["data"] == {"thing": "old"}

    bff.write("upstreams/stock.yaml", upstream(other.url))
    answer = await bff.reload()

    assert (await bff.ask(THING))["data"] == {"thing": "new"}
    assert answer.status_code == 200
    assert answer.json()["workers"][0] | {"since": "", "digest": ""} == {
        "worker": 0,
        "result": "applied",
        "generation": 2,
        "since": "",
        "digest": "",
        "watching": False,
        "restartNeeded": [],
        "error": None,
    }
    assert (await bff.admin.get("/admin/api/reload")).json()["agree"] is True


async def test_a_request_in_flight_ends_under_the_policies_it_began_with(start, service, other):
    """Its connections are there until it is over, and are closed then."""
    go_on = asyncio.Event()

    async def slowly(_):
        await go_on.wait()
        return Reply.json("old")

    service.on("GET", "/things/{id}", slowly)
    bff = await start(files_of(service.url))
    asking = asyncio.create_task(bff.ask(THING))
    await service.arrived(1, timeout=30)
    before = weakref.ref(bff.generation)

    await bff.change("upstreams/stock.yaml", upstream(other.url))
    assert (await bff.ask(THING))["data"] == {"thing": "new"}
    assert service.open_connections == 1
    go_on.set()

    assert (await asking)["data"] == {"thing": "old"}
    await service.all_closed(timeout=30)
    await until(lambda: before() is None)


BROKEN = [
    pytest.param("upstreams/stock.yaml", "hosts: [http://127.0.0.1:1]\nretry:\n  atempts: 3\n", ":3:", id="key"),
    pytest.param("upstreams/stock.yaml", "hosts: [", ":1:", id="syntax"),
    pytest.param("operations.yaml", "deadline: 1h\n", ":1:", id="clash"),
    pytest.param("auth.yaml", "issuers:\n  - {issuer: http://127.0.0.1:1, audience: [a],"
                 " secret: env:NOT_THERE, algorithms: [HS256]}\n", "auth.yaml:2:", id="missing secret"),
    pytest.param("documents/app.json", "{", "app.json:1:", id="manifest"),
    pytest.param("upstrems.yaml", "", "upstrems.yaml:1:", id="unknown file"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "where"), BROKEN)
async def test_fault_37_a_broken_file_changes_nothing_and_says_where(start, service, name, text, where):
    bff = await start(files_of(service.url, operations="documents: {mode: log}\n"))
    before = bff.generation

    bff.write(name, text)
    answer = await bff.reload()

    assert bff.generation is before
    assert (await bff.ask(THING))["data"] == {"thing": "old"}
    error = answer.json()["workers"][0]["error"]
    assert answer.status_code == 422
    assert where in error["message"]
    assert where in error["problems"][0]["message"]
    ready = await bff.admin.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["policies"] == "degraded"
    assert where in ready.json()["policies"]["error"]
    assert await bff.metric("bff_config_reloads_total", result="failed") == 1
    assert await bff.metric("bff_config_last_reload_successful") == 0
    assert where in bff.log(event="reload", to="failed")[0]["detail"]


async def test_a_mended_file_is_in_force_and_nothing_is_said_of_it_any_more(start, service, other):
    bff = await start(files_of(service.url))
    bff.write("upstreams/stock.yaml", "hosts: [")
    assert (await bff.reload()).status_code == 422

    await bff.change("upstreams/stock.yaml", upstream(other.url))

    assert (await bff.ask(THING))["data"] == {"thing": "new"}
    assert (await bff.admin.get("/readyz")).json()["policies"] == {"generation": 2}
    assert await bff.metric("bff_config_last_reload_successful") == 1
    assert await bff.metric("bff_config_generation") == 2
    assert await bff.metric("bff_config_last_reload_success_timestamp_seconds") > 1e9


async def test_files_are_read_anew_when_they_change(start, service, other):
    bff = await start(files_of(service.url), watch=True)

    bff.write("upstreams/stock.yaml", upstream(other.url))
    await until(lambda: bff.generation.number == 2)
    assert (await bff.ask(THING))["data"] == {"thing": "new"}
    bff.write("upstreams/stock.yaml", "hosts: [")
    await until(lambda: bff.log(event="reload", to="failed"))
    bff.write("upstreams/stock.yaml", upstream(other.url))
    await until(lambda: bff.log(event="reload", to="unchanged"))

    assert bff.generation.number == 2
    assert (await bff.admin.get("/admin/api/reload")).json()["error"] is None


class TestState:
    """What outlives a reload."""

    async def test_an_upstream_that_stays_the_same_keeps_its_connections_and_all_it_knows(
        self, start, service, other
    ):
        service.on("GET", "/things/{id}", json="x")
        bff = await start(files_of(service.url, other.url))
        await bff.ask(THING)
        client, documents, run = bff.part("upstream stock"), bff.part("documents"), bff.part("run")

        await bff.change("upstreams/mail.yaml", upstream(service.url))
        await bff.ask(THING)

        assert bff.part("upstream stock") is client
        assert (service.open_connections, service.closings) == (1, [])
        assert bff.part("documents") is documents
        assert len(documents) == 1
        assert bff.part("run") is run

    async def test_cb_15_a_breaker_keeps_its_state_when_its_thresholds_change(self, start, service):
        bff = await start(files_of(service.url))
        service.on("GET", "/things/{id}", status=503)
        for _ in range(5):
            await bff.ask(THING)
        assert (await bff.ask(THING))["errors"][0]["extensions"]["code"] == "CIRCUIT_OPEN"

        await bff.change("upstreams/stock.yaml", upstream(service.url, breaker="{failure_rate: 90%}"))

        assert (await bff.ask(THING))["errors"][0]["extensions"]["code"] == "CIRCUIT_OPEN"
        assert await bff.metric("bff_breaker_state", upstream="stock", group="default") == 2
        assert bff.log(event="breaker", cause="settings") == []

    async def test_cb_15_a_window_of_another_shape_begins_closed_and_empty_and_says_so(self, start, service):
        bff = await start(files_of(service.url))
        service.on("GET", "/things/{id}", status=503)
        for _ in range(5):
            await bff.ask(THING)

        await bff.change("upstreams/stock.yaml", upstream(service.url, breaker="{window: 20s}"))
        service.on("GET", "/things/{id}", json="well")

        assert (await bff.ask(THING))["data"] == {"thing": "well"}
        assert bff.log(event="breaker", cause="settings")[0]["to"] == "closed"

    async def test_cb_15_the_breaker_of_an_upstream_that_is_gone_is_gone_with_its_metrics(self, start, service):
        bff = await start(files_of(service.url))
        service.on("GET", "/things/{id}", status=503)
        for _ in range(5):
            await bff.ask(THING)

        (bff.folder / "upstreams/stock.yaml").unlink()
        assert (await bff.reload()).status_code == 200
        assert await bff.metric("bff_breaker_state", upstream="stock", group="default") is None
        assert await bff.metric("bff_hosts", upstream="mail") == 1
        await bff.change("upstreams/stock.yaml", upstream(service.url))
        service.on("GET", "/things/{id}", json="well")

        assert (await bff.ask(THING))["data"] == {"thing": "well"}

    async def test_an_operator_s_word_outlives_policies_that_do_not_contradict_it(self, start, service):
        bff = await start(files_of(service.url))
        bff.part("upstream stock").pipelines.circuits["default"].force("forced_open", 0.0)

        await bff.change("upstreams/stock.yaml", upstream(service.url, alias="storage"))
        assert (await bff.ask(THING))["errors"][0]["extensions"]["code"] == "CIRCUIT_OPEN"
        await bff.change("upstreams/stock.yaml", upstream(service.url, breaker="{mode: disabled}"))

        assert (await bff.ask(THING))["data"] == {"thing": "old"}

    async def test_what_was_counted_counts_on(self, start, service):
        limits = "limits: {anonymous: {rate: 2 per hour}}\n"
        bff = await start(files_of(service.url, clients__default=limits))
        await bff.ask("{ me }")

        await bff.change("clients/default.yaml", limits + "legacy_headers: true\n")
        await bff.ask("{ me }")

        assert (await bff.ask("{ me }"))["errors"][0]["extensions"]["code"] == "RATE_LIMITED"

    async def test_what_is_kept_of_services_answers_is_kept(self, start, service):
        cached = {"cache": "{scope: public, default_ttl: 1h}"}
        bff = await start(files_of(service.url) | {"upstreams/stock.yaml": upstream(service.url, **cached)})
        await bff.ask(THING)

        await bff.change("upstreams/stock.yaml", upstream(service.url, **cached, alias="storage"))
        await bff.ask(THING)

        assert len(service.arrivals) == 1

    async def test_keys_of_an_issuer_that_stays_are_not_fetched_anew(self, start, service):
        """Its tokens are good although it cannot be asked at the moment."""
        issuer = TokenIssuer(service.url, "ES256")
        service.on("GET", "/jwks", json=issuer.jwks())
        policy = (
            f"issuers:\n  - {{issuer: '{issuer.issuer}', audience: [bff], jwks_uri: {service.url}/jwks,"
            " algorithms: [ES256]}\nanonymous: "
        )
        bff = await start(files_of(service.url, auth=policy + "deny\n"))
        bearer = {"authorization": f"Bearer {issuer.token()}"}
        assert "data" in await bff.ask("{ me }", **bearer)

        service.on("GET", "/jwks", status=503)
        await bff.change("auth.yaml", policy + "allow\n")

        assert "errors" not in await bff.ask("{ me }", **bearer)
        assert "errors" not in await bff.ask("{ me }")


async def test_authentication_does_not_end_by_a_file_that_is_gone(start, service):
    """Without `auth.yaml` nobody is asked who they are: no mishap with files may open the door."""
    secret = "issuers:\n  - {issuer: 'http://127.0.0.1:1', audience: [a], jwks_uri: 'http://127.0.0.1:1/k'}\n"
    bff = await start(files_of(service.url, auth=secret))

    (bff.folder / "auth.yaml").unlink()
    answer = await bff.reload()

    assert answer.status_code == 422
    assert "auth.yaml:1:1: the file is gone" in answer.json()["error"]


async def test_people_stay_logged_in_when_other_rules_for_callers_change(start, service, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s" * 40)
    policy = (
        f"issuers:\n  - {{issuer: {service.url}, audience: [bff], jwks_uri: {service.url}/jwks,"
        " algorithms: [ES256]}\n"
        f"login: {{issuer: {service.url}, client_id: bff, client_secret: 'file:{secret}',"
        f" public_origin: 'http://127.0.0.1', keys: ['file:{secret}']}}\nanonymous: "
    )
    service.on("GET", "/jwks", json={"keys": []})
    bff = await start(files_of(service.url, auth=policy + "deny\n"))
    sessions, login, callers = bff.part("sessions"), bff.part("login"), bff.part("callers")

    await bff.change("auth.yaml", policy + "allow\n")

    assert (bff.part("sessions"), bff.part("login")) == (sessions, login)
    assert bff.part("callers") is not callers
    assert (await bff.client.get("/auth/me")).status_code == 200


async def test_authentication_that_came_with_a_reload_stays_too(start, service):
    bff = await start(files_of(service.url))
    keys = (
        f"issuers:\n  - {{issuer: {service.url}, audience: [a], jwks_uri: '{service.url}/k', algorithms: [ES256]}}"
    )
    await bff.change("auth.yaml", keys + "\n")

    (bff.folder / "auth.yaml").unlink()

    assert (await bff.reload()).status_code == 422
    assert (await bff.ask("{ me }"))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_what_cannot_change_waits_for_a_restart_and_says_so(start, service, other):
    bff = await start(files_of(service.url))

    bff.write("store.yaml", "entry_max: 2KiB\n")
    await bff.reload()
    bff.write("operations.yaml", "drain: {timeout: 3s}\n")
    await bff.change("upstreams/stock.yaml", upstream(other.url))

    assert (await bff.ask(THING))["data"] == {"thing": "new"}
    [worker] = (await bff.admin.get("/admin/api/reload")).json()["workers"]
    assert worker["restartNeeded"] == ["operations.drain.timeout", "store.entry_max"]
    assert bff.log(event="reload", level="warning")[-1]["restart"] == worker["restartNeeded"]
    assert await bff.metric("bff_config_restart_needed") == 2


async def test_reloads_asked_for_at_once_are_one(start, service):
    bff = await start(files_of(service.url))

    tasks = {bff.service.reload() for _ in range(10)}

    assert [await task for task in tasks] == ["applied"]
    assert bff.generation.number == 2


async def test_many_reloads_leave_nothing_behind(start, service, other):
    """A generation goes with its last request, and does not wait for the garbage collector."""
    bff = await start(files_of(service.url, mail=other.url, operations="documents: {mode: log}\n"))
    await bff.ask(THING)
    seen, tasks = [], len(asyncio.all_tasks())
    gc.disable()
    try:
        for number in range(60):
            generation = bff.generation
            seen += map(weakref.ref, (generation, generation.endpoint, generation.upstreams))
            seen.append(weakref.ref(bff.part("upstream stock")))
            del generation
            deadline = f"deadline: {2 + number % 3}s\nlimits: {{depth: {5 + number % 7}}}\n"
            bff.write("operations.yaml", deadline + "documents: {mode: log}\n")
            bff.write("upstreams/stock.yaml", upstream(service.url, alias=f"stock{number}"))
            asking = asyncio.create_task(bff.ask(THING))
            assert (await bff.reload()).status_code == 200
            assert (await asking)["data"] == {"thing": "old"}
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        assert [ref() for ref in seen if ref() is not None] == []
    finally:
        gc.enable()
    await until(lambda: service.open_connections <= 1)
