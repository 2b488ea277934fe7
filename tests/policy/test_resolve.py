"""Every value in force says where it comes from."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff.policy.document import parse
from bff.policy.load import PolicySet, load
from bff.policy.model import Timeouts, UpstreamPolicy
from bff.policy.render import as_yaml, model_in, paths_of
from bff.policy.resolve import effective

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Laws are not about speed, and machines are sometimes busy."""

HOSTS = "hosts: [https://catalog.internal]\n"


@pytest.fixture
def catalog(write):
    directory = write(
        {
            "defaults.yaml": "# ours\ntimeouts:\n  total: 3s\n  attempt: 1s\n",
            "upstreams/catalog.yaml": HOSTS + "timeouts:\n  attempt: 2s\nforward:\n  headers:\n    - x-tenant\n",
            "operations.yaml": "deadlines:\n  Home: 2s\n",
        }
    )
    return directory, load(directory)


def test_a_value_comes_from_its_own_file_the_defaults_or_nowhere(catalog):
    """Whoever asks "why two seconds?" gets a file and a line."""
    directory, policies = catalog

    found = {one.key: (one.text, one.origin) for one in effective(policies, "catalog")}

    assert found["hosts"] == ("[https://catalog.internal]", f"{directory}/upstreams/catalog.yaml:1")
    assert found["timeouts.attempt"] == ("2s", f"{directory}/upstreams/catalog.yaml:3")
    assert found["timeouts.total"] == ("3s", f"{directory}/defaults.yaml:3")
    assert found["timeouts.connect"] == ("500ms", "default")
    assert found["forward.headers"] == ("[x-tenant]", f"{directory}/upstreams/catalog.yaml:5")
    assert found["limits.max_response_bytes"] == ("8MiB", "default")


def test_every_key_of_the_model_is_shown_once(catalog):
    """A key that is not shown is a key nobody can ask about."""
    _, policies = catalog

    shown = [one.key for one in effective(policies, "upstreams/catalog")]

    assert shown == [
        ".".join(path)
        for path, key in paths_of(UpstreamPolicy)
        if "NAME" not in path and not model_in(key.annotation)
    ]


def test_operations_and_defaults_are_shown_by_their_names(catalog):
    directory, policies = catalog

    operations = {one.key: one for one in effective(policies, "operations")}
    defaults = {one.key: one for one in effective(policies, "defaults")}

    assert operations["deadlines.Home"].origin == f"{directory}/operations.yaml:2"
    assert operations["deadline"].origin == "default"
    assert defaults["timeouts.attempt"].text == "1s"
    assert "hosts" not in defaults


def test_values_are_ready_for_json(catalog):
    _, policies = catalog

    json.dumps([one.value for name in ("catalog", "operations") for one in effective(policies, name)])


def test_what_is_shown_can_be_pasted_into_a_file(catalog):
    """Text and meaning agree: reading the shown values again gives the same policy."""
    _, policies = catalog
    tree: dict[str, object] = {}
    for one in effective(policies, "catalog"):
        *sections, key = one.key.split(".")
        section = tree
        for name in sections:
            section = section.setdefault(name, {})
        document, problems = parse("shown", f"value: {one.text}\n".encode())
        assert problems == []
        section[key] = document.plain()["value"]

    assert UpstreamPolicy.model_validate(tree) == policies.upstreams["catalog"]


def test_an_unknown_name_is_refused(catalog):
    with pytest.raises(KeyError):
        effective(catalog[1], "catalogue")
    with pytest.raises(KeyError):
        effective(PolicySet(), "upstreams/operations")


@PATIENT
@given(st.text("aZ1é☃ '\":#-\\,[]{}&*!|>%@`?~.=<", max_size=20) | st.sampled_from(["true", "null", "1.5", "0x1F"]))
def test_any_text_survives_being_written_and_read(text):
    """Reasons and names may hold colons, quotes and hashes, or look like numbers."""
    document, problems = parse("a.yaml", f"a: {as_yaml(text)}\n".encode())

    assert problems == []
    assert document.plain()["a"] == text


@PATIENT
@given(st.timedeltas(timedelta(seconds=2), timedelta(minutes=59)))
def test_a_model_survives_being_dumped_and_read(total):
    timeouts = Timeouts(total=total)

    assert Timeouts.model_validate(timeouts.model_dump(mode="json")) == timeouts
