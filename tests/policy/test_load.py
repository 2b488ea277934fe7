"""A directory of policies loads as a whole, or every problem in it is told at once."""

import dataclasses
from datetime import timedelta

import pytest
from pydantic import ValidationError

from bff.policy.load import KNOWN_FILES, load, read
from bff.policy.model import OperationsPolicy, UpstreamDefaults
from bff.policy.problem import PolicyError

HOSTS = "hosts: [https://catalog.internal]\n"


def said(directory):
    """Return what is wrong, with paths below the directory."""
    return [str(problem).replace(f"{directory.as_posix()}/", "") for problem in read(directory).problems]


def test_an_empty_directory_means_all_defaults(write):
    """Nobody has to write a file to begin."""
    policies = load(write({}))

    assert policies.operations == OperationsPolicy()
    assert policies.defaults == UpstreamDefaults()
    assert policies.upstreams == {}
    assert policies.warnings == ()


def test_an_upstream_says_only_what_is_different(write):
    policies = load(
        write(
            {
                "defaults.yaml": "timeouts: {total: 3s, attempt: 1s}\npool: {max_connections: 7}\n",
                "upstreams/catalog.yaml": HOSTS + "timeouts: {attempt: 2s}\n",
            }
        )
    )

    catalog = policies.upstreams["catalog"]
    assert catalog.timeouts.total == timedelta(seconds=3)
    assert catalog.timeouts.attempt == timedelta(seconds=2)
    assert catalog.timeouts.connect == timedelta(milliseconds=500)
    assert catalog.pool.max_connections == 7


def test_a_list_replaces_the_list_of_the_defaults(write):
    """A list that could only grow could never forget a header."""
    policies = load(
        write(
            {
                "defaults.yaml": "forward: {headers: [x-tenant, x-region]}\n",
                "upstreams/catalog.yaml": HOSTS + "forward: {headers: [x-tenant]}\n",
                "upstreams/orders.yaml": HOSTS,
            }
        )
    )

    assert policies.upstreams["catalog"].forward.headers == {"x-tenant"}
    assert policies.upstreams["orders"].forward.headers == {"x-tenant", "x-region"}


def test_every_problem_of_every_file_is_told_at_once(write):
    """Nobody should have to run a check six times to find six typing errors."""
    directory = write(
        {
            "operations.yaml": "deadlin: 3s\nintrospection: open\n",
            "upstreams/catalog.yaml": "timeouts: {attempt: 5}\npool: {max_conections: 5}\n",
            "upstreams/orders.yaml": "hosts: [http://orders.example]\n",
            "upstreams/reviews.yaml": "hosts: [\n",
            "defaults.yaml": "hosts: [https://a]\n",
        }
    )

    with pytest.raises(PolicyError) as error:
        load(directory)

    places = {(p.file.removeprefix(f"{directory.as_posix()}/"), p.key) for p in error.value.problems}
    assert places == {
        ("defaults.yaml", "hosts"),
        ("operations.yaml", "deadlin"),
        ("operations.yaml", "introspection"),
        ("upstreams/catalog.yaml", "hosts"),
        ("upstreams/catalog.yaml", "timeouts.attempt"),
        ("upstreams/catalog.yaml", "pool.max_conections"),
        ("upstreams/orders.yaml", "hosts[0]"),
        ("upstreams/reviews.yaml", ""),
    }
    assert str(error.value).count("\n") == len(error.value.problems) - 1


def test_a_mistake_in_the_defaults_is_told_once(write):
    """Eight upstreams must not say it eight times more."""
    directory = write(
        {"defaults.yaml": "timeouts:\n  atempt: 1s\nagain: {}\n"}
        | {f"upstreams/{name}.yaml": HOSTS for name in ("a", "b", "c")}
    )

    assert [line.split(":")[1] for line in said(directory)] == ["2", "3"]


def test_values_that_clash_across_files_are_told_where_the_service_states_its_own(write):
    directory = write(
        {
            "defaults.yaml": "timeouts:\n  total: 2s\n  attempt: 1s\n",
            "upstreams/catalog.yaml": HOSTS + "timeouts:\n  attempt: 3s\n",
        }
    )

    (problem,) = said(directory)
    assert problem == (
        "upstreams/catalog.yaml:3:3: attempt 3s exceeds total 2s: no try could ever use its time. "
        "Write: attempt: 2s"
    )


def test_a_shorter_deadline_is_held_against_every_upstream(write):
    """Table 17: attempt <= total <= deadline_max."""
    directory = write(
        {"operations.yaml": "deadline: 2s\ndeadline_max: 4s\n", "upstreams/catalog.yaml": HOSTS},
    )

    (problem,) = said(directory)
    assert problem == (
        "operations.yaml:2:15: timeouts.total 5s of upstream catalog exceeds deadline_max 4s of operations: "
        "no operation waits that long. Write: timeouts: {total: 4s}"
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("operations.yml", "operations.yaml"),
        ("Defaults.yaml", "defaults.yaml"),
        ("upstreams/catalog.yml", "upstreams/catalog.yaml"),
        ("upstreams/My Catalog.yaml", "upstreams/my-catalog.yaml"),
        ("routes.yaml", None),
        ("clients/Mobile.yaml", "clients/mobile.yaml"),
        ("upstreams/catalog/policy.yaml", "upstreams/catalog.yaml"),
        ("upstreams/catalog.yaml~", None),
    ],
)
def test_a_file_of_another_name_is_refused(write, name, nearest):
    """A policy that is silently not read is worse than one that is wrong."""
    (problem,) = read(write({name: ""})).problems

    assert KNOWN_FILES in problem.what
    assert problem.nearest == nearest


def test_pages_schemas_and_hidden_files_may_lie_beside_policies(write):
    """Kubernetes mounts a hidden `..data`, editors leave hidden swap files, and folders have READMEs."""
    directory = write(
        {"README.md": "", "schema/upstream.json": "{}", ".swp": "", "..data/x": "", "upstreams/README.md": ""}
    )

    assert read(directory).problems == ()


def test_a_directory_that_is_not_there_is_a_problem_of_its_own(tmp_path):
    with pytest.raises(PolicyError, match="there is no such directory"):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(PolicyError, match="this is no directory"):
        load(tmp_path / "file")


def test_a_policy_that_is_a_broken_link_is_told(write):
    directory = write({"upstreams/catalog.yaml": HOSTS})
    (directory / "operations.yaml").symlink_to(directory / "nowhere")

    assert said(directory) == ["operations.yaml:1:1: 'operations.yaml' is no file that can be read"]


def test_a_slow_drain_is_a_warning_and_loads(write):
    """Kubernetes may have been told to wait longer; only the platform team knows."""
    policies = load(write({"operations.yaml": "drain: {delay: 10s, timeout: 40s}\n"}))

    assert [warning.key for warning in policies.warnings] == ["drain"]


def test_upstreams_are_known_by_name_even_when_their_files_are_broken(write):
    """`bff check` must not claim that a policy is missing when it is only wrong."""
    reading = read(write({"upstreams/catalog.yaml": "hosts: [", "upstreams/orders.yaml": HOSTS}))

    assert reading.policies is None
    assert reading.upstreams == {"catalog", "orders"}


def test_policies_cannot_be_changed_by_whoever_reads_them(write):
    """A reload swaps one set for another; nobody edits the one in use."""
    policies = load(write({"upstreams/catalog.yaml": HOSTS}))

    with pytest.raises(dataclasses.FrozenInstanceError):
        policies.operations = OperationsPolicy()
    with pytest.raises(TypeError):
        policies.upstreams["orders"] = policies.upstreams["catalog"]
    with pytest.raises(ValidationError):
        policies.upstreams["catalog"].timeouts = None


@pytest.mark.parametrize(
    "host",
    [
        "https://catalog.internal",
        "https://catalog.internal:8443/api/v2",
        "http://127.0.0.1:9102",
        "http://127.8.8.8",
        "http://[::1]:9102",
        "http://localhost:9102",
        "http://catalog.localhost",
    ],
)
def test_encrypted_and_local_hosts_are_accepted(write, host):
    assert load(write({"upstreams/catalog.yaml": f"hosts: ['{host}/']\n"})).upstreams["catalog"].hosts == (host,)


def test_plaintext_to_elsewhere_needs_a_reason(write):
    text = "hosts: [http://catalog.internal]\nplaintext: service mesh encrypts\n"

    assert load(write({"upstreams/catalog.yaml": text})).upstreams["catalog"].plaintext == "service mesh encrypts"
