"""`/admin/api/experiments`: what operators may ask, what they are told, and that all workers agree."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from random import Random

import httpx
import pytest
from fastapi import FastAPI

from bff.clock import SystemClock
from bff.events import ExperimentEnded, ExperimentStarted
from bff.experiments.assemble import Laboratory
from bff.policy.experiments import FaultInjection
from bff.policy.model import UpstreamPolicy
from bff.server.colleagues import Colleagues, Place

PATH = "/admin/api/experiments"
ORDER = {"upstream": "reviews", "fault": "slow(1s-2s)", "duration": "5m", "share": "10%", "note": "game day"}


class Worker:
    """The admin port of one worker, without a socket."""

    def __init__(self, **policy):
        self.events = []
        self.colleagues = Colleagues()
        self.laboratory = Laboratory(
            FaultInjection(**{"allow": "scope", **policy}),
            {"reviews": UpstreamPolicy(hosts=["http://127.0.0.1:1"], alias="opinions")},
            self.colleagues,
            development=False,
            clock=SystemClock(),
            rng=Random(1),
            new_id=lambda: f"{len(self.events):032x}abcdef"[-12:],
            notify=self.events.append,
        )
        app = FastAPI()
        for routes in self.laboratory.routes(lambda: ()):
            app.include_router(routes)
        transport = httpx.ASGITransport(app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://admin")

    @property
    def running(self):
        return self.laboratory.experiments.list()

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def make_worker():
    made = []

    def make(**policy):
        made.append(Worker(**policy))
        return made[-1]

    yield make
    for worker in made:
        await worker.laboratory.close()
        await worker.client.aclose()


async def test_an_experiment_is_started_listed_and_stopped(make_worker):
    worker = make_worker()

    started = await worker.client.post(PATH, json=ORDER)

    assert started.status_code == 200
    told = started.json()
    assert (told["fault"], told["share"], told["scope"], told["unanswered"]) == (
        "slow(1s-2s)",
        0.1,
        "everyone",
        [],
    )
    assert 290_000 < told["leftMs"] <= 300_000
    listed = (await worker.client.get(PATH)).json()
    assert [one["id"] for one in listed["experiments"]] == [told["id"]]
    assert (listed["allowed"], listed["maxShare"], listed["upstreams"]) == (True, 0.5, ["reviews"])
    stopped = await worker.client.delete(f"{PATH}/{told['id']}")
    assert stopped.json() == {"stopped": told["id"], "unanswered": []}
    assert (await worker.client.get(PATH)).json()["experiments"] == []
    assert [event.note for event in worker.told(ExperimentStarted)] == ["game day"]
    assert [event.reason for event in worker.told(ExperimentEnded)] == ["stopped"]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"upstream": "review"}, 422, "Did you mean 'reviews'?"),
        ({"fault": "slov(2s)"}, 422, "Did you mean 'slow(2s)'?"),
        ({"fault": ""}, 422, "'fault' is missing"),
        ({"fault": 503}, 422, "'fault' is text"),
        ({"share": "90%"}, 422, "up to 50%, which fault_injection.max_share allows"),
        ({"share": "many"}, 422, "not a share"),
        ({"duration": "1h"}, 422, "up to 10m, which fault_injection.max_duration allows"),
        ({"duration": 300}, 422, "a duration needs a unit"),
        ({"scope": "all"}, 422, "scopes are everyone"),
        ({"targets": "x"}, 422, "'targets' is unknown"),
    ],
)
async def test_a_wrong_order_is_answered_by_what_would_be_right(make_worker, change, status, said):
    worker = make_worker()

    answer = await worker.client.post(PATH, json={**ORDER, **change})

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert worker.running == []


async def test_where_policy_allows_none_the_answer_names_the_key(make_worker):
    worker = make_worker(allow="never")

    answer = await worker.client.post(PATH, json=ORDER)

    assert answer.status_code == 403
    assert "fault_injection.allow in policies/operations.yaml is never" in answer.json()["detail"]
    assert (await worker.client.get(PATH)).json()["allowed"] is False


async def test_stopping_what_does_not_run_says_so(make_worker):
    answer = await make_worker().client.delete(f"{PATH}/x9")

    assert answer.status_code == 404
    assert "No experiment 'x9' runs" in answer.json()["detail"]


@pytest.fixture
def other():
    """Another worker's port: keeps what it is told, and answers as if it ran what it was told to."""
    told = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            running = [one for path, one in told if path == f"{PATH}?alone=1"]
            self._say({"experiments": [{**one, "hits": 7} for one in running]})

        def do_POST(self):
            text = self.rfile.read(int(self.headers["content-length"]))
            told.append((self.path, json.loads(text) if text else None))
            self._say({"stopped": True})

        def _say(self, answer):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        server.told = told
        yield server
        server.shutdown()
        thread.join()


async def test_all_workers_of_a_host_start_and_stop_together(make_worker, other):
    worker = make_worker()
    worker.colleagues.join(Place(0, (1, other.server_port)))

    told = (await worker.client.post(PATH, json=ORDER)).json()
    listed = (await worker.client.get(PATH)).json()
    await worker.client.delete(f"{PATH}/{told['id']}")

    (start, sent), (stop, _) = other.told
    assert (start, stop) == (f"{PATH}?alone=1", f"{PATH}/{told['id']}/stop?alone=1")
    assert (sent["id"], sent["until"]) == (told["id"], told["until"])
    assert [one["hits"] for one in listed["experiments"]] == [7], "0 here, 7 there"


async def test_a_worker_starts_what_another_one_tells(make_worker):
    first, second = make_worker(), make_worker()
    told = (await first.client.post(PATH, json=ORDER)).json()

    await second.client.post(PATH, params={"alone": "1"}, json=told)

    (one,), (same,) = first.running, second.running
    assert (one.id, one.fault, one.until, one.share) == (same.id, same.fault, same.until, same.share)


async def test_a_worker_that_does_not_answer_is_named(make_worker):
    worker = make_worker()
    worker.colleagues.join(Place(0, (1, 1)))

    assert (await worker.client.post(PATH, json=ORDER)).json()["unanswered"] == [1]


async def test_a_worker_that_takes_anothers_place_learns_what_runs(make_worker, other):
    first, second = make_worker(), make_worker()
    told = (await first.client.post(PATH, json=ORDER)).json()
    other.told.append((f"{PATH}?alone=1", told))
    second.colleagues.join(Place(0, (1, other.server_port)))

    second.laboratory.start()
    (catching_up,) = second.laboratory._tasks
    await catching_up

    assert [one.id for one in second.running] == [told["id"]]
