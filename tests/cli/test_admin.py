"""Commands show who they are, and pass on why they were refused."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from bff.cli.admin import TOKEN, NotThere, ask
from bff.cli.output import Unusable


class Admin(BaseHTTPRequestHandler):
    def do_GET(self):
        who = self.headers.get("authorization")
        status = {"/missing": 404, "/odd": 500}.get(self.path, 200 if who == "Bearer right" else 401)
        body = b"<html>" if status == 500 else json.dumps({"who": who, "detail": "Sign in."}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def admin():
    with HTTPServer(("127.0.0.1", 0), Admin) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_token_of_the_environment_is_shown(admin, monkeypatch):
    monkeypatch.setenv(TOKEN, "right")

    assert ask(admin, "/x")["who"] == "Bearer right"


def test_without_one_the_refusal_says_what_to_set(admin, monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)

    with pytest.raises(Unusable, match=rf"401: Sign in\. Set {TOKEN}"):
        ask(admin, "/x")


def test_other_refusals_are_passed_on(admin, monkeypatch):
    monkeypatch.setenv(TOKEN, "right")

    with pytest.raises(NotThere, match="404: Sign in"):
        ask(admin, "/missing")
    with pytest.raises(Unusable, match="500: is it the admin port"):
        ask(admin, "/odd")
