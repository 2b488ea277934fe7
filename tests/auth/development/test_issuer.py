"""The issuer as a whole: keys that change on command, and no way into production."""

import os
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from bff.auth.development.app import open_issuer
from bff.auth.development.keys import Keys
from bff.auth.development.model import IssuerConfig
from bff.auth.development.refused import NotForProduction
from bff.testing import VirtualClock

ROOT = Path(__file__).parents[3]


def test_keys_change_on_command_and_the_old_ones_stay_published_once():
    """JK-4: tokens of both are good during the overlap."""
    keys = Keys()
    old = keys.sign({"iat": 1}, typ="at+jwt", algorithm="RS256")

    keys.rotate()
    new = keys.sign({"iat": 1}, typ="at+jwt", algorithm="RS256")

    published = [key["kid"] for key in keys.document()["keys"]]
    assert jwt.get_unverified_header(old)["kid"] in published
    assert jwt.get_unverified_header(new)["kid"] in published
    assert keys.verified(old, "at+jwt")
    keys.rotate(forget=True)
    assert keys.verified(old, "at+jwt") is None
    assert len(keys.document()["keys"]) == 2


def test_a_token_of_one_kind_is_not_taken_for_another():
    keys = Keys()

    assert keys.verified(keys.sign({"iat": 1}, typ="JWT", algorithm="ES256"), "at+jwt") is None


async def test_rotation_is_a_command_from_this_machine(asking):
    before = (await asking.http.get("/jwks.json")).json()["keys"]

    done = await asking.http.post("/rotate")
    foreign = await asking.http.post("/rotate", headers={"origin": "https://evil.example"})
    sneaky = await asking.http.post("/rotate", headers={"sec-fetch-site": "cross-site"})

    after = (await asking.http.get("/jwks.json")).json()["keys"]
    assert done.status_code == 200
    assert (foreign.status_code, sneaky.status_code) == (403, 403)
    assert after[:2] != before[:2]
    assert after[2:4] == before[:2]


@pytest.mark.parametrize(
    ("development", "host", "environ"),
    [
        pytest.param(False, "127.0.0.1", {"S": "x"}, id="not in development"),
        pytest.param(True, "0.0.0.0", {"S": "x"}, id="for every machine"),
        pytest.param(True, "192.0.2.1", {"S": "x"}, id="for another machine"),
        pytest.param(True, "127.0.0.1", {}, id="without its clients' secrets"),
    ],
)
def test_it_never_runs_in_production(development, host, environ):
    """It gives a token to whoever asks."""
    config = IssuerConfig.model_validate({"clients": [{"id": "web", "secret": "env:S"}]})

    with pytest.raises(NotForProduction):
        open_issuer(config, development=development, host=host, port=1, clock=VirtualClock(), environ=environ)


def test_the_process_refuses_to_start_without_being_told_that_this_is_development(tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BFF_")}

    done = subprocess.run(
        [sys.executable, "-m", "bff.auth.development", "--port", "0"],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 1
    assert "BFF_DEVELOPMENT=1" in done.stderr


def test_nothing_that_serves_production_imports_it():
    """Only the demo, `bff token` and the test kit know where it is."""
    allowed = {ROOT / "bff/cli/demo.py", ROOT / "bff/cli/token.py", ROOT / "bff/testing/development_issuer.py"}
    importing = {
        path
        for path in (ROOT / "bff").rglob("*.py")
        if "node_modules" not in path.parts and "bff.auth.development" in path.read_text(encoding="utf-8")
    }

    assert {path for path in importing if "development" not in path.parts} <= allowed
