"""Each expression of dashboards and alerts is evaluated by a real Prometheus over what a real run has counted."""

import json
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from bff.telemetry.catalog import METRICS, OVERFLOW

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker" / "observability"
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}
NOW = 1_700_000_000
MINUTES = 12
TROUBLE = 5
"""Minutes before now at which the services began to fail."""

COUNTED = ("_total", "_bucket", "_count", "_sum")

QUIET = {
    "bff_admin_actions_total",
    "bff_api_key_reads_total",
    "bff_canary_calls_total",
    "bff_canary_stopped_total",
    "bff_clients_refused_total",
    "bff_coalesced_total",
    "bff_cost_exceeded_total",
    "bff_deadline_hints_ignored_total",
    "bff_experiments_running",
    "bff_faults_injected_total",
    "bff_gate_closed_total",
    "bff_hedges_total",
    "bff_host_ejections_total",
    "bff_host_health_changes_total",
    "bff_introspection_failures_total",
    "bff_jwks_unknown_keys_total",
    "bff_login_refused_total",
    "bff_queue_refused_total",
    "bff_queue_wait_seconds_bucket",
    "bff_ratelimit_decisions_total",
    "bff_requests_stopped_total",
    "bff_retry_suppressed_total",
    "bff_session_renewals_total",
    "bff_sessions_ended_total",
    "bff_shadow_compared_total",
    "bff_shed_total",
    "bff_store_failures_total",
    "bff_untrusted_documents_total",
}
"""What need not happen in a short run; each is counted in tests of its own."""

GAUGES = ("bff_loop_lag_seconds", "bff_requests_in_flight")
"""What the process tells of itself, first after a tenth of a second."""

SELECTOR = re.compile(r"\b(bff_\w+|up)(\{[^}]*\})?")
RECORDED = re.compile(r"\bbff:\w+:\w+")
COMPARED = re.compile(r"[<>]|==|!=(?![~\"])")


def program(name):
    path = shutil.which(name)
    if path is None:
        pytest.fail(
            f"{name} is missing: run make prometheus as root, or apt-get install prometheus", pytrace=False
        )
    return path


def promtool(*arguments):
    command = [program("promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rules():
    groups = YAML(typ="safe").load(FOLDER / "rules" / "bff.yaml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


RECORDINGS = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def panels():
    for path in sorted((FOLDER / "dashboards").glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.stem}: {panel['title']}: {target['refId']}", target["expr"]


def plain(expression):
    """Return *expression* with Grafana's variables filled in and recorded series written out."""
    expression = expression.replace("$__rate_interval", "5m")
    expression = re.sub(r"\$(instance|operation|upstream)\b", ".*", expression)
    return RECORDED.sub(lambda name: f"({RECORDINGS[name[0]]})", expression)


EXPRESSIONS = dict(panels()) | {f"rule: {rule.get('alert') or rule['record']}": rule["expr"] for rule in rules()}


@pytest.fixture(scope="module")
def seen(keeping_bff, services):
    """What the admin port told while all was well, and after two services had failed for a while."""

    def look():
        """Wait for the gauges of the process, which are set ten times a second."""
        until = time.monotonic() + 30
        while True:
            text = httpx.get(f"{keeping_bff.admin}/metrics", headers=OPENMETRICS, timeout=30).text
            if all(re.search(rf"^{gauge}\b.* \d", text, re.MULTILINE) for gauge in GAUGES):
                return text
            assert time.monotonic() < until, "the gauges of the process are not set"
            time.sleep(0.05)

    for name in ("home", "order-history", "restaurant-page"):
        for _ in range(3):
            keeping_bff.run(name)
    keeping_bff.ask("{ __typename }", authorization="Bearer nonsense")
    keeping_bff.ask("query Priced { __typename }", **{"x-bff-cost": "1"})
    first = look()
    for member in ("orders", "promotions", "couriers"):
        services.break_with(member, {"kind": "status", "status": 503})
    for _ in range(15):
        keeping_bff.run("home")
        keeping_bff.run("order-history")
        keeping_bff.client.close()
        keeping_bff.client = httpx.Client(
            base_url=keeping_bff.url, headers=dict(keeping_bff.client.headers), timeout=30
        )
    second = look()
    services.heal()
    return first, second


@pytest.fixture(scope="module")
def query(seen, tmp_path_factory):
    """Return a function that asks a Prometheus which holds the last minutes of that run."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yaml").write_text("global: {}\n", encoding="utf-8")
    (folder / "recorded.txt").write_text("\n".join(history(*seen)) + "\n# EOF\n", encoding="utf-8")
    promtool("tsdb", "create-blocks-from", "openmetrics", folder / "recorded.txt", folder / "data")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        [
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={address}",
            "--log.level=error",
        ],
    )
    with httpx.Client(base_url=f"http://{address}", timeout=30) as client:
        await_ready(client)

        def ask(expression):
            answer = client.post("/api/v1/query", data={"query": expression, "time": NOW}).json()
            assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
            return answer["data"]["result"]

        yield ask
    server.terminate()
    server.wait(30)


def await_ready(client):
    patience = time.monotonic() + 30
    while True:
        try:
            if client.get("/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < patience, "Prometheus did not start"
        time.sleep(0.05)


def history(first, second):
    """Return samples of the last minutes: the first look until the trouble, then evenly on to the second."""
    before, after = samples(first), samples(second)
    for minute in range(MINUTES, -1, -1):
        passed = max(0.0, 1 - minute / TROUBLE)
        for (name, labels), value in after.items():
            old = before.get((name, labels), 0.0)
            now = old + (value - old) * passed if name.endswith(COUNTED) else value
            yield f"{name}{{{labels}}} {now} {NOW - 60 * minute}"
        yield f'up{{instance="127.0.0.1:8001",job="bff"}} 1 {NOW - 60 * minute}'


def samples(text):
    """Return name, labels and value of each sample in *text*, with the labels that a scrape adds."""
    told = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {**sample.labels, "instance": "127.0.0.1:8001", "job": "bff"}
            key = sample.name, ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
            told[key] = sample.value
    return told


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_an_expression_has_a_result_where_there_is_anything_to_show(query, place):
    expression = plain(EXPRESSIONS[place])

    found = query(expression)

    missing = {name for name, matchers in SELECTOR.findall(expression) if not query(name + matchers)}
    never = {name for name, _ in SELECTOR.findall(expression) if not query(name)}
    assert never <= QUIET, "nothing has this name: is it still counted?"
    if not missing and not COMPARED.search(expression.replace("=~", "")):
        assert found


def test_names_are_those_that_are_counted():
    """Also those that were quiet in the run above."""
    counted = {"up", "bff_worker_up", OVERFLOW.name, *(metric.name for metric in METRICS)}
    counted |= {f"{metric.name}_bucket" for metric in METRICS if metric.kind == "histogram"}
    used = {name for expression in EXPRESSIONS.values() for name, _ in SELECTOR.findall(plain(expression))}

    assert used <= counted
    drawn = {name for expression in dict(panels()).values() for name, _ in SELECTOR.findall(plain(expression))}
    assert counted - drawn <= {"up", "bff_errors_internal_total"} | {
        metric.name for metric in METRICS if metric.kind == "histogram"
    }, "what is counted can be seen"


def test_labels_are_those_that_are_counted():
    labels = {"instance", "le", "job", "worker", "__name__", *OVERFLOW.labels}
    labels |= {label for metric in METRICS for label in metric.labels}
    grouped = re.compile(r"\bby \(([^)]*)\)")
    used = {
        label.strip()
        for expression in EXPRESSIONS.values()
        for names in grouped.findall(expression)
        for label in names.split(",")
    }

    assert used <= labels


def test_the_rules_hold_their_own_tests():
    """Each alert fires in its trouble and is silent beside it; `bff_test.yaml` says with which numbers."""
    promtool("check", "rules", FOLDER / "rules" / "bff.yaml")
    promtool("check", "config", FOLDER / "prometheus.yaml")
    promtool("test", "rules", FOLDER / "rules" / "bff_test.yaml")


def test_each_alert_is_shown_firing():
    tests = YAML(typ="safe").load(FOLDER / "rules" / "bff_test.yaml")["tests"]
    fired = {
        case["alertname"] for test in tests for case in test.get("alert_rule_test", ()) if case.get("exp_alerts")
    }

    assert fired == {rule["alert"] for rule in rules() if "alert" in rule}


def test_the_outage_is_seen(query):
    """What the run has done is what the numbers say."""
    (burn,) = query(plain("bff:failed_operations:ratio_rate5m"))
    assert float(burn["value"][1]) > 0.5
    (orders,) = query('sum by (upstream) (increase(bff_errors_total{upstream="orders"}[5m]))')
    assert float(orders["value"][1]) > 10
    workers = query("bff_worker_up")
    assert {one["metric"]["worker"] for one in workers} == {"0", "1"}
