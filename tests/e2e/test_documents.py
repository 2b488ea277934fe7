"""Registered documents and costs, from the command line to the answer, with real services behind."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bff.execution.trusted.registry import hash_of

ROOT = Path(__file__).parents[2]
LIST = "query List { restaurants(first: 3) { edges { node { id name } } } }"
FEED = "query Feed { me { name orders(first: 2) { totalCount } } }"
HEADERS = {"x-bff-csrf": "1", "accept": "application/graphql-response+json"}


@pytest.fixture(scope="module")
def running(services, policies_for, module_bff, issuer, tmp_path_factory):
    """Two documents are registered, and nothing else runs."""
    folder = policies_for(services.urls, keeping=True)
    manifest = tmp_path_factory.mktemp("documents") / "persisted-documents.json"
    manifest.write_text(json.dumps({"list-1": LIST, hash_of(FEED): FEED}), "utf-8")
    command = ["documents", "register", str(manifest), "--client", "web", "--policies", str(folder)]
    subprocess.run([sys.executable, "-m", "bff.cli", *command], cwd=ROOT, check=True, capture_output=True)
    operations = folder / "operations.yaml"
    operations.write_text(operations.read_text("utf-8") + "\ndocuments: {mode: only}\n", "utf-8")
    return module_bff(folder, issuer=issuer)


@pytest.fixture
def registered(running):
    """The same, with nothing kept."""
    running.forget("catalog")
    return running


def test_a_get_by_hash_may_be_kept_by_a_cdn(registered):
    """CA-23, CA-25: a URL that names its document, an answer with a time and a validator."""
    url = f"/graphql?documentId=sha256:{hash_of(LIST)}"
    first = registered.client.get(url, headers=HEADERS)
    again = registered.client.get(url, headers={**HEADERS, "if-none-match": first.headers["etag"]})

    assert first.status_code == 200
    assert len(first.json()["data"]["restaurants"]["edges"]) == 3
    assert re.fullmatch(r"max-age=\d+, public", first.headers["cache-control"])
    assert (again.status_code, again.content) == (304, b"")


def test_an_unknown_hash_is_never_kept(registered):
    """A CDN that keeps it would deny a document that is registered a moment later."""
    by_id = registered.client.get("/graphql?documentId=sha256:" + "0" * 64, headers=HEADERS)
    extension = json.dumps({"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}})
    for accept, status in [
        ("application/json", 200),
        ("application/graphql-response+json, application/json", 200),
        ("*/*", 200),
        ("application/graphql-response+json", 422),
    ]:
        answer = registered.client.get(
            "/graphql", params={"extensions": extension}, headers={**HEADERS, "accept": accept}
        )
        assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")
        (error,) = answer.json()["errors"]
        assert (error["message"], error["extensions"]["code"]) == (
            "PersistedQueryNotFound",
            "PERSISTED_QUERY_NOT_FOUND",
        )
        kind = "application/json" if status == 200 else "application/graphql-response+json"
        assert answer.headers["content-type"].startswith(kind)

    assert (by_id.status_code, by_id.headers["cache-control"]) == (422, "no-store")
    assert by_id.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


def test_only_registered_documents_run(registered):
    by_id = registered.client.post("/graphql", json={"documentId": "list-1"})
    by_text = registered.client.post("/graphql", json={"query": LIST})
    other = registered.client.post("/graphql", json={"query": "{ me { name } }"})
    relay = registered.client.post("/graphql", json={"doc_id": "list-1"})

    assert by_id.json() == by_text.json()
    assert (other.status_code, other.json()["errors"][0]["extensions"]["code"]) == (403, "DOCUMENT_NOT_ALLOWED")
    assert relay.status_code == 422, "policy does not name that parameter"

    checks = registered.client.get(f"{registered.admin}/readyz").json()["checks"]
    assert checks["documents"] in {"ready", "degraded"}


def test_what_an_operation_cost(registered):
    """What comes from the cache is given back."""
    headers = {"x-bff-cost": "1"}

    first = registered.client.post("/graphql", json={"documentId": "list-1"}, headers=headers).json()
    again = registered.client.post("/graphql", json={"documentId": "list-1"}, headers=headers).json()

    assert first["extensions"]["cost"] == {"requested": 5.0, "actual": 5.0}
    assert again["extensions"]["cost"] == {"requested": 5.0, "actual": 4.0}
