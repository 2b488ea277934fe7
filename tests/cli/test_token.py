"""`bff token`: a token of somebody in the demo, or what to do to get one."""

import json

import jwt
import pytest

from bff.testing.development_issuer import DevelopmentIssuer
from bff.testing.redis_server import free_port

DEMO = """
[tool.bff.demo]
services = []

[tool.bff.demo.issuer]
port = {port}
audiences = ["orders"]
people = [
  {{ subject = "u1", role = "customer", name = "Lena", scopes = ["orders:read", "orders:write"] }},
  {{ subject = "u2", role = "customer", name = "Emil" }},
]
"""


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuer")
    (folder / "pyproject.toml").write_text(DEMO.format(port=0), "utf-8")
    with DevelopmentIssuer(folder) as issuer:
        yield issuer


@pytest.fixture
def demo(project, issuer):
    """A project with a running issuer; its port stands in its file."""
    made = project()
    text = (made.directory / "pyproject.toml").read_text()
    made.write({"pyproject.toml": text + DEMO.format(port=issuer.url.rpartition(":")[2])})
    return made


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_a_role_or_a_subject_brings_a_token(demo):
    by_role, by_subject = demo.bff("token", "--as", "customer"), demo.bff("token", "--as", "u2")

    assert claims(by_role.out.strip())["sub"] == "u1"
    assert claims(by_subject.out.strip())["sub"] == "u2"


def test_scope_audience_and_life_are_chosen(demo):
    result = demo.bff(
        "token", "--as", "customer", "--scope", "orders:read", "--audience", "bff", "--audience", "orders",
        "--expires", "2h", "--acr", "strong", "--format", "json",
    )  # fmt: skip

    answer = json.loads(result.out)
    said = claims(answer["access_token"])
    assert (said["scope"], said["aud"], said["acr"]) == ("orders:read", ["bff", "orders"], "strong")
    assert said["exp"] - said["iat"] == answer["expires_in"] == 7200


def test_keys_are_rotated(demo):
    before = jwt.get_unverified_header(demo.bff("token", "--as", "u1").out.strip())["kid"]

    result = demo.bff("token", "rotate")

    after = jwt.get_unverified_header(demo.bff("token", "--as", "u1").out.strip())["kid"]
    assert result.code == 0
    assert after in result.out
    assert before != after


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--as", "nobody"], "nobody is called 'nobody'; there are customer"),
        (["--as", "u2", "--scope", "admin"], "not allowed: admin"),
        (["--as", "u1", "--audience", "moon"], "no audience 'moon'; there are bff, orders"),
        (["--as", "u1", "--expires", "5"], "--expires: a duration needs a unit"),
        (["--as", "u1", "--expires", "3d"], "at most 86400"),
        (["--as", "u1", "--issuer", "http://id.example.com"], "a URL on this machine"),
        ([], "say whose token: bff token --as customer"),
    ],
)
def test_what_cannot_be_had_says_why(demo, arguments, said):
    result = demo.bff("token", *arguments)

    assert result.code == 2
    assert said in result.err


def test_without_a_running_demo_it_says_what_to_start(project):
    made = project()
    text = (made.directory / "pyproject.toml").read_text()
    made.write({"pyproject.toml": text + DEMO.format(port=free_port())})

    result = made.bff("token", "--as", "customer")

    assert result.code == 2
    assert "start it with `bff demo`" in result.err


def test_where_no_demo_is_described_it_says_so(project):
    result = project().bff("token", "--as", "customer")

    assert result.code == 2
    assert "[tool.bff.demo.issuer]" in result.err


def test_a_misspelt_key_of_the_demo_is_named(project):
    made = project()
    text = (made.directory / "pyproject.toml").read_text()
    made.write({"pyproject.toml": text + DEMO.format(port=1).replace("audiences", "audience_")})

    result = made.bff("token", "--as", "customer")

    assert result.code == 2
    assert "audience_ in [tool.bff.demo.issuer]" in result.err
