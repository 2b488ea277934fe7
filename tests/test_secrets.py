"""Secrets by reference: read where the policy says, read again when they change, never shown."""

import pytest

from bff.secrets import Secret, SecretMissing


class Time:
    """Monotonic seconds that a test sets."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def now():
    return Time()


def test_a_variable_is_read_once(now):
    environ = {"NAME": "s3cret"}
    secret = Secret("env:NAME", now=now, environ=environ)
    environ["NAME"] = "other"
    now.seconds = 10

    assert secret.value() == b"s3cret"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"a", b"a"),
        (b"a\n", b"a"),
        (b"a\r\n", b"a"),
        (b"a\n\n", b"a\n"),
        (b" a ", b" a "),
        (b"\x00\xff", b"\x00\xff"),
    ],
)
def test_a_file_is_read_but_for_its_last_line_break(content, value, now, tmp_path):
    (tmp_path / "s").write_bytes(content)

    assert Secret(f"file:{tmp_path / 's'}", now=now).value() == value


def test_a_file_that_changes_is_read_again_within_a_second(now, tmp_path):
    """As Kubernetes replaces it: another file under the same name."""
    file = tmp_path / "s"
    file.write_bytes(b"old")
    secret = Secret(f"file:{file}", now=now)
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "new").replace(file)

    early = secret.value()
    now.seconds = 1

    assert (early, secret.value()) == (b"old", b"new")


@pytest.mark.parametrize("damage", ["gone", "empty"])
def test_a_file_that_is_lost_later_leaves_the_last_secret(damage, now, tmp_path):
    file = tmp_path / "s"
    file.write_bytes(b"old")
    secret = Secret(f"file:{file}", now=now)
    file.unlink() if damage == "gone" else file.write_bytes(b"")
    now.seconds = 1

    assert secret.value() == b"old"


@pytest.mark.parametrize("reference", ["env:NAME", "env:EMPTY", "file:{}/nothing", "file:{}/empty"])
def test_no_secret_is_no_secret(reference, now, tmp_path):
    (tmp_path / "empty").write_bytes(b"\n")

    with pytest.raises(SecretMissing):
        Secret(reference.format(tmp_path), now=now, environ={"EMPTY": ""})


def test_a_secret_does_not_show_itself(now):
    secret = Secret("env:NAME", now=now, environ={"NAME": "s3cret"})

    assert "s3cret" not in f"{secret!r} {secret}"
