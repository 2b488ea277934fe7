"""Fault 20: a service that does not prove who it is, or cannot agree on how to talk, hears nothing from us."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit

import pytest

from bff.testing import fault_kinds as kinds
from bff.testing.certificates import Authority, self_signed
from tests.faults.trial import unharmed

NO_COMMON_PROTOCOL = bytes.fromhex("15 0303 0002 02 78")
"""A TLS alert: fatal, no_application_protocol (RFC 7301, 3.2)."""


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a function that writes a certificate to a file."""
    folder = tmp_path_factory.mktemp("certificates")

    def write(certificate):
        file = folder / f"{len(list(folder.iterdir()))}.pem"
        file.write_bytes(certificate.key + certificate.certificate)
        return f"--certificate={file}"

    return write


@pytest.fixture(scope="module")
def shaky(start_service, authority, written):
    return start_service(written(authority.valid()))


@pytest.fixture(scope="module")
def bff(start_bff, shaky, steady, pair, authority, tmp_path_factory):
    file = authority.write(tmp_path_factory.mktemp("authority") / "ca.pem")
    return start_bff(
        {
            "shaky": {"hosts": [shaky.url], "ca": f"file:{file}"},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )


@pytest.fixture
def changed(shaky, written):
    """Return a function that lets the service come back with another certificate."""

    def change(*arguments):
        shaky.kill()
        shaky.restart(*arguments)

    return change


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        pytest.param(lambda authority: authority.expired(), "expired", id="expired"),
        pytest.param(lambda authority: authority.wrong_name(), "not valid for", id="wrong name"),
        pytest.param(lambda _: self_signed(), "self-signed", id="self-signed"),
        pytest.param(None, "TLS failed", id="no TLS at all"),
    ],
)
def test_fault_20_a_service_that_proves_nothing_hears_nothing(
    bff, shaky, steady, changed, written, authority, certificate, words
):
    """Operators read in the log which proof was missing."""
    with unharmed(bff, [shaky, steady], affected={"thing", "order"}, open_time=1.0) as trial:
        changed(*([written(certificate(authority))] if certificate else []))

        answer = trial.ask()
        trial.ask('mutation { order(id: "o1") { id who text } }')

        assert answer.codes == ["UPSTREAM_UNAVAILABLE"]
        assert set(trial.outcomes()) == {"CONNECT"}
        assert all(words in line["detail"] for line in trial.log(event="error"))
        assert shaky.arrivals() == 0
        changed(written(authority.valid()))


def test_fault_20_a_handshake_that_stalls_ends_at_the_connect_timeout(
    bff, shaky, steady, changed, written, authority
):
    with unharmed(bff, [shaky, steady], affected={"thing"}, open_time=1.0) as trial:
        changed()
        shaky.break_with(kinds.BlackHole())

        trial.ask()

        assert set(trial.outcomes()) == {"CONNECT"}
        took = [line["ms"] for line in trial.log(event="attempt", upstream="shaky")]
        assert [ms for ms in took if not 95 <= ms < 200] == []
        changed(written(authority.valid()))


def refuse_protocol(listener):
    """Answer each ClientHello with an alert, until the socket is closed."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(16384)
                connection.sendall(NO_COMMON_PROTOCOL)


def test_fault_20_a_service_without_a_common_protocol_is_not_talked_to(bff, shaky, steady, written, authority):
    with unharmed(bff, [shaky, steady], affected={"thing"}, open_time=1.0) as trial:
        shaky.kill()
        listener = socket.create_server(("127.0.0.1", urlsplit(shaky.url).port))
        answering = threading.Thread(target=refuse_protocol, args=[listener])
        answering.start()

        trial.ask()

        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        answering.join(5)
        assert set(trial.outcomes()) == {"CONNECT"}
        shaky.restart(written(authority.valid()))
