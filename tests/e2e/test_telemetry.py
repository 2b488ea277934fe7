"""The id that a client reads leads to the log line and to the span."""

import json
import os
import socket
import time

import pytest


@pytest.fixture
def traced(start_bff, policies_for, services, monkeypatch):
    monkeypatch.setitem(os.environ, "OTEL_TRACES_EXPORTER", "console")
    return start_bff(policies_for(services.urls))


def test_an_error_id_is_in_the_answer_the_log_and_the_span(traced, healed):
    healed.break_with("promotions", {"kind": "status", "status": 500})

    (error,) = traced.ask("query Screen { me { offers { title } } }").json()["errors"]
    traced.close()

    identity = error["extensions"]["errorId"]
    (line,) = [line for line in traced.log if line.get("error_id") == identity]
    spans = [span for span in traced.log if "context" in span and "events" in span]
    (span,) = [span for span in spans if identity in json.dumps(span["events"])]
    assert span["attributes"]["graphql.operation.name"] == "Screen"
    assert span["resource"]["attributes"]["service.name"] == "bff"
    assert span["context"]["trace_id"] == f"0x{line['trace_id']}"


def test_what_libraries_log_is_json_too(bff):
    """One line of another form breaks whoever parses the others."""
    host, port = bff.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(b"NONSENSE\r\n\r\n")
        raw.settimeout(5)
        assert raw.recv(100).startswith(b"HTTP/1.1 400")

    patience = time.monotonic() + 5
    while not any(line.get("logger") == "uvicorn.error" for line in bff.log):
        assert time.monotonic() < patience, "no line came"
    assert all(line.startswith("{") for line in bff.errors if line.strip())


def test_a_path_of_the_framework_fails_like_any_other(bff):
    """PD-9."""
    response = bff.client.get("/auth/nothing")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["title"] == "Not Found"
