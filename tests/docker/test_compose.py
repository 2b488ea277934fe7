"""The compose file is one, and says what the documentation says of it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PACKAGE = "docker-compose==1.29.2"
"""The last release on PyPI; it carries the compose specification's JSON Schema."""


@pytest.fixture(scope="session")
def specification():
    folder = ROOT / ".build" / "compose"
    if not list(folder.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PACKAGE, "--dest", str(folder)]
        subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return json.loads(zipfile.ZipFile(wheel).read("compose/config/compose_spec.json"))


@pytest.fixture(scope="session")
def compose():
    return YAML(typ="safe").load(ROOT / "docker" / "compose.yaml")


def test_it_holds_the_compose_specification(compose, specification):
    jsonschema.Draft201909Validator(specification).validate(compose)


def test_a_broken_file_would_be_noticed(compose, specification):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft201909Validator(specification).validate({"services": {"bff": {"imagee": "x"}}})


def test_it_starts_the_services_the_issuer_redis_and_the_bff(compose):
    services = {name: one for name, one in compose["services"].items() if "profiles" not in one}

    assert set(services) == {"services", "issuer", "bff", "redis"}
    assert services["bff"]["network_mode"] == "service:services"
    assert services["services"]["ports"] == ["127.0.0.1:8000:8000"]


def test_what_observes_comes_only_when_asked_for(compose):
    services = compose["services"]

    observers = {name for name, one in services.items() if one.get("profiles") == ["observe"]}
    assert observers == {"prometheus", "collector", "jaeger", "grafana"}
    assert all(port.startswith("127.0.0.1:") for one in services.values() for port in one.get("ports", ()))


def test_every_file_that_is_mounted_exists(compose):
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            assert (ROOT / "docker" / volume.split(":")[0]).exists(), volume


def test_every_build_names_a_stage_that_exists(compose):
    stages = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")

    for service in compose["services"].values():
        if "build" in service:
            assert f"AS {service['build']['target']}\n" in stages
