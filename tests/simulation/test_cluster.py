"""The services as processes: they agree, break where told, come back, and end cleanly."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bff.testing.fault_kinds import Latency, Status
from bff.testing.faults import Fault
from upstreams.simulation.__main__ import main
from upstreams.simulation.cluster import MEMBERS, Cluster, StartFailed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "target",
    [
        "/restaurants?limit=50",
        "/restaurants/r7",
        "/dishes?ids=d1,d4999",
        "/restaurants/r199/menu",
        "/search?q=ramen",
    ],
)
def test_two_processes_tell_the_same_byte_for_byte(client, target):
    """A client that is balanced between them keeps its validators."""
    one, other = client("catalog").get(target), client("catalog-2").get(target)

    assert one.status_code == 200
    assert one.content == other.content
    assert one.headers["etag"] == other.headers["etag"]


def test_services_agree_on_what_they_share(client):
    orders = client("orders", "u1").get("/orders", params={"limit": 50}).json()["items"]
    dishes = {line["dishId"]: line["unitPrice"] for order in orders[:20] for line in order["lines"]}
    restaurants = {order["restaurantId"] for order in orders}
    ids = ",".join(order["id"] for order in orders)

    found = client("catalog").get("/dishes", params={"ids": ",".join(dishes)}).json()
    known = client("catalog").get("/restaurants/by-ids", params={"ids": ",".join(restaurants)}).json()
    charges = client("payments").get("/charges", params={"order_ids": ids}).json()
    deliveries = client("couriers").get("/deliveries", params={"order_ids": ids}).json()

    assert {dish["id"]: dish["price"] for dish in found} == dishes
    assert {restaurant["id"] for restaurant in known} == restaurants
    totals = {order["id"]: order["total"] for order in orders}
    assert {charge["orderId"]: charge["amount"] for charge in charges}.items() <= totals.items()
    couriers = {order["id"]: order["courierId"] for order in orders if order["courierId"]}
    assert {delivery["orderId"]: delivery["courierId"] for delivery in deliveries}.items() <= couriers.items()


def test_each_prints_where_it_listens_and_the_seed(services):
    for name, line in services.lines.items():
        assert line == f"{name.partition('-')[0]} listens on {services.url(name)} (seed 7, day 2026-11-20)"


def test_a_fault_hits_its_path_and_method_and_no_other(healed):
    fault = {"kind": "status", "status": 503, "retry_after": 2, "path": "/restaurants/*/menu", "method": "GET"}
    healed.break_with("catalog", fault)

    with httpx.Client(base_url=healed.url("catalog"), trust_env=False) as client:
        hit, missed = client.get("/restaurants/r1/menu"), client.get("/restaurants/r1")
        healed.heal("catalog")
        healed = client.get("/restaurants/r1/menu")

    assert (hit.status_code, hit.headers["retry-after"]) == (503, "2")
    assert (missed.status_code, healed.status_code) == (200, 200)


def test_faults_are_given_as_objects_too_and_a_wrong_one_is_refused(healed):
    healed.break_with("catalog", Fault(Status(500), path="/dishes"), Latency(seconds=0.001))

    assert httpx.get(f"{healed.url('catalog')}/dishes?ids=d1", trust_env=False).status_code == 500
    with pytest.raises(ValueError, match="stauts"):
        healed.break_with("catalog", {"kind": "stauts"})


def test_stats_show_arrivals_and_the_headers_of_the_last_one(healed):
    """How a test sees that deadline, request id and trace reached the service."""
    before = healed.stats("catalog-2")["arrivals"].get("GET /restaurants/{id}", 0)
    sent = {"x-request-timeout-ms": "250", "x-request-id": "abc", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}

    with httpx.Client(base_url=healed.url("catalog-2"), headers=sent, trust_env=False) as client:
        client.get("/restaurants/r1")
        client.get("/restaurants/r2", headers={"x-request-id": "def"})

    stats = healed.stats("catalog-2")
    assert stats["arrivals"]["GET /restaurants/{id}"] == before + 2
    assert stats["lastHeaders"]["GET /restaurants/{id}"].items() >= (sent | {"x-request-id": "def"}).items()


def test_what_was_posted_is_gone_after_a_restart_on_the_same_port():
    with Cluster("notifications", latency="0ms") as cluster:
        url = cluster.url("notifications")
        me = {"authorization": "Bearer demo-u1"}
        before = httpx.get(f"{url}/inbox", headers=me, trust_env=False).json()["total"]
        httpx.post(f"{url}/push", json={"userId": "u1", "title": "a", "body": "b"}, trust_env=False)

        cluster.kill("notifications")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/health", trust_env=False)
        cluster.restart("notifications")

        assert cluster.url("notifications") == url
        assert httpx.get(f"{url}/inbox", headers=me, trust_env=False).json()["total"] == before


def test_sigterm_ends_a_service_cleanly_even_while_it_streams():
    with Cluster("couriers", latency="0ms") as cluster:
        url = f"{cluster.url('couriers')}/deliveries/o19910/events"
        with httpx.stream("GET", url, trust_env=False) as stream:
            next(stream.iter_lines())

            assert cluster.stop("couriers") == 0


def test_a_service_does_not_outlive_who_started_it():
    with Cluster("promotions") as cluster:
        process = cluster._processes["promotions"]

        process.stdin.close()

        assert process.wait(10) == 0


def test_a_taken_port_is_said_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StartFailed, match="catalog cannot have port"):
            Cluster("catalog", ports={"catalog": taken.getsockname()[1]}).start()


def test_an_unknown_member_is_named():
    with pytest.raises(ValueError, match="kitchen"):
        Cluster("kitchen")


def test_one_service_from_the_command_line_prints_its_real_port_and_ends_on_sigint():
    command = [sys.executable, "-m", "upstreams.simulation", "promotions", "--port", "0", "--seed", "9"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        line = process.stdout.readline()
        url = line.split()[3]
        status = httpx.get(f"{url}/offers", trust_env=False).status_code
        process.send_signal(signal.SIGINT)

    assert status == 200
    assert line.startswith("promotions listens on http://127.0.0.1:")
    assert "(seed 9, day " in line
    assert process.returncode == 0


def test_all_start_together_say_when_one_is_gone_and_end_together():
    command = [sys.executable, "-m", "upstreams.simulation", "all", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        lines = [process.stdout.readline().split() for _ in MEMBERS]
        pids = {line[0]: int(line[-1]) for line in lines}
        os.kill(pids["promotions"], signal.SIGKILL)
        news = process.stdout.readline()
        status = httpx.get(f"{lines[0][3]}/health", trust_env=False).status_code
        process.send_signal(signal.SIGTERM)

    assert [line[0] for line in lines] == [name.partition("-")[0] for name in MEMBERS]
    assert (news, status) == ("promotions ended with -9\n", 200)
    assert process.returncode == 0
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_single_service_whose_port_is_taken_says_so(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code = main(["promotions", "--port", str(taken.getsockname()[1])])

    assert code == 1
    assert "promotions cannot listen on 127.0.0.1:" in capsys.readouterr().err


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["--help"])

    assert raised.value.code == 0
    assert "python -m upstreams.simulation all" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["kitchen"], ["all", "--port", "9000"], ["catalog", "--latency", "soon"], ["catalog", "--day", "never"]],
)
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2


def test_the_ports_are_those_of_the_contract():
    assert MEMBERS == {
        "accounts": 9101, "catalog": 9102, "catalog-2": 9112, "orders": 9103, "couriers": 9104,
        "payments": 9105, "promotions": 9106, "reviews": 9107, "notifications": 9108,
    }  # fmt: skip
