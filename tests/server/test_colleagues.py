"""Workers ask each other; one that does not answer costs a timeout, not the answer."""

import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from bff.server.colleagues import Colleagues, Place


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404 if "missing" in self.path else 200)
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers.get('accept', '')}".encode())

    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        body = self.rfile.read(int(self.headers["content-length"]))
        self.wfile.write(f"{self.path} {self.headers['content-type']} {body.decode()}".encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def worker():
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_one_worker_alone_asks_nobody():
    alone, only = Colleagues(), Colleagues()
    only.join(Place(0, (1,)))

    assert (alone.number, alone.ask("/metrics")) == (None, {})
    assert (only.number, only.ask("/metrics")) == (0, {})


def test_each_other_worker_is_asked_for_its_own_part(worker):
    colleagues = Colleagues()
    colleagues.join(Place(1, (worker, 1, worker)))

    said = colleagues.ask("/metrics", {"accept": "text/plain"})

    assert said == {0: b"/metrics?alone=1 text/plain", 2: b"/metrics?alone=1 text/plain"}
    assert colleagues.ask("/found?a=b")[0].startswith(b"/found?a=b&alone=1")


def test_each_other_worker_is_told_to_do_the_same(worker):
    colleagues = Colleagues()
    colleagues.join(Place(0, (1, worker)))

    assert colleagues.tell("/reload", b'{"a": 1}') == {1: b'/reload?alone=1 application/json {"a": 1}'}
    assert colleagues.tell("/reload") == {1: b"/reload?alone=1 application/json "}


def test_a_worker_that_is_gone_or_knows_nothing_says_nothing(worker):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = closed.getsockname()[1]
    colleagues = Colleagues()
    colleagues.join(Place(0, (worker, gone, worker)))

    assert colleagues.ask("/missing") == {1: None, 2: None}
    assert colleagues.ask("/metrics")[1] is None


def test_workers_know_each_other_by_a_key_and_nobody_without_one():
    alone, keyless, one, other = Colleagues(), Colleagues(), Colleagues(), Colleagues()
    keyless.join(Place(0, (1,)))
    one.join(Place(0, (1, 2), "secret"))
    other.join(Place(0, (1, 2), "another"))

    known = [colleagues.knows("secret") for colleagues in (alone, keyless, one, other)]

    assert known == [False, False, True, False]
    assert not any(
        colleagues.knows(key) for colleagues in (alone, keyless, one) for key in (None, "", "s\u00e9cret")
    )
