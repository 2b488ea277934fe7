"""What the product tells of its calls is what the services saw; and an error id leads to all of it."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
TRACED = {"x-bff-trace": "1"}
READS = sorted(
    path.stem
    for path in (ROOT / "schema" / "operations").glob("*.graphql")
    if "mutation" not in path.read_text(encoding="utf-8")
    and "subscription" not in path.read_text(encoding="utf-8")
)


def arrivals(services):
    """Return how many requests each service got, health checks apart; both hosts of catalog are one."""
    made = Counter()
    for member in services.urls:
        counted = services.stats(member)["arrivals"]
        made[member.removesuffix("-2")] += sum(number for path, number in counted.items() if path != "GET /health")
    return +made


def run_traced(bff, name):
    bff.client.headers.update(TRACED)
    try:
        return bff.run(name).json()
    finally:
        for header in TRACED:
            del bff.client.headers[header]


@pytest.mark.parametrize("name", READS)
def test_a_trace_has_as_many_attempts_as_the_services_saw_requests(bff, healed, name):
    before = arrivals(healed)

    trace = run_traced(bff, name)["extensions"]["trace"]

    told = Counter()
    for call in trace["calls"]:
        told[call["upstream"]] += len(call["attempts"])
    assert +told == arrivals(healed) - before
    assert all(call["startMs"] + call["ms"] <= trace["ms"] + 0.3 for call in trace["calls"])
    assert {call["wave"] for call in trace["calls"]} == set(
        range(1, max((call["wave"] for call in trace["calls"]), default=0) + 1)
    )


def test_retries_failures_and_the_cause_are_in_the_trace(bff, healed):
    healed.break_with("promotions", {"kind": "status", "status": 503})

    answer = run_traced(bff, "home")

    calls = [call for call in answer["extensions"]["trace"]["calls"] if call["upstream"] == "promotions"]
    assert calls
    for call in calls:
        assert call["outcome"] == "GATEWAY_ERROR"
        assert [attempt["status"] for attempt in call["attempts"]] == [503] * len(call["attempts"])
        assert len(call.get("retries", ())) == len(call["attempts"]) - 1


def test_nobody_gets_a_trace_who_does_not_ask(bff):
    assert "trace" not in bff.run("home").json().get("extensions", {})


def why(*arguments, stdin=None):
    done = subprocess.run(
        [sys.executable, "-m", "bff.cli", "why", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def test_an_error_id_leads_to_path_service_and_attempts_by_process_and_by_log(bff, healed):
    healed.break_with("promotions", {"kind": "status", "status": 500})
    (error,) = bff.ask("query Screen { me { offers { title } } }").json()["errors"]
    identity = error["extensions"]["errorId"]
    patience = time.monotonic() + 5
    while not any(identity in line for line in bff.errors):
        assert time.monotonic() < patience, "no line came"

    by_process = why(identity, "--admin", bff.admin, "--format", "json")
    by_log = why(identity, "--log", "-", "--format", "json", stdin="".join(bff.errors))
    for_people = why(identity, "--admin", bff.admin)

    process, log = json.loads(by_process.stdout), json.loads(by_log.stdout)
    for key in ("errorId", "requestId", "code", "path", "upstream", "detail"):
        assert process[key] == log[key]
    assert (process["operation"], process["path"]) == ("Screen", "me.offers")
    assert process["story"] == log["story"]
    assert "attempt 1 at http://127.0.0.1" in "\n".join(process["story"])
    assert "SERVER_ERROR, status 500" in for_people.stdout


def test_a_dead_service_is_a_line_or_two_and_each_of_its_errors_is_found(bff, healed):
    """Forty fields of a screen fail for one reason."""
    healed.kill("reviews")
    before = len(bff.log)

    errors = [
        error for error in bff.run("home").json()["errors"] if error["extensions"].get("upstream") == "reviews"
    ]

    assert len(errors) > 5
    wanted = {error["extensions"]["errorId"] for error in errors}
    patience = time.monotonic() + 5
    while not any(wanted & set(line.get("error_ids", ())) for line in bff.log[before:]):
        assert time.monotonic() < patience, "no line came"
    told = [line for line in bff.log[before:] if line.get("upstream") == "reviews" and line["event"] == "error"]
    assert len(told) <= 3
    assert {one for line in told for one in line.get("error_ids", [line["error_id"]])} == wanted
    path = ".".join(str(part) for part in errors[-1]["path"])
    found = httpx.get(f"{bff.admin}/admin/api/errors/{errors[-1]['extensions']['errorId']}").json()
    assert (found["path"], found["errorsOfAnswer"][found["code"]] >= 5) == (path, True)


@pytest.fixture
def two_workers(start_bff, policies_for, services):
    return start_bff(policies_for(services.urls), arguments=["--workers", "2"])


def test_whichever_worker_answers_tells_of_all(two_workers, healed):
    """One scrape a host, whoever takes the connection; an error id is found likewise."""
    healed.break_with("promotions", {"kind": "status", "status": 500})
    errors = []
    for _ in range(12):
        with httpx.Client(base_url=two_workers.url, headers=dict(two_workers.client.headers)) as fresh:
            answer = fresh.post("/graphql", json={"query": "{ me { offers { title } } }"}).json()
        errors += [error["extensions"]["errorId"] for error in answer["errors"]]

    for _ in range(6):
        accept = {"accept": "application/openmetrics-text; version=1.0.0"}
        answer = httpx.get(f"{two_workers.admin}/metrics", headers=accept)
        samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
        operations = [sample for sample in samples if sample.name == "bff_operations_total"]
        assert sum(sample.value for sample in operations) == 12
        up = {sample.labels["worker"]: sample.value for sample in samples if sample.name == "bff_worker_up"}
        assert up == {"0": 1.0, "1": 1.0}
    for identity in errors:
        assert httpx.get(f"{two_workers.admin}/admin/api/errors/{identity}").json()["errorId"] == identity
    assert httpx.get(f"{two_workers.admin}/admin/api/errors/unknown").status_code == 404
