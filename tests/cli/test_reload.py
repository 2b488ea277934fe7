"""`bff reload` says what was done, or what is wrong and that nothing has changed."""

import pytest

from bff.cli.reload import text

WORKER = {
    "worker": 0,
    "generation": 2,
    "digest": "ab12",
    "since": "2026-11-20T12:56:22.182+00:00",
    "restartNeeded": [],
}


def report(*workers, agree=True, error=None):
    return {"agree": agree, "error": error, "workers": list(workers)}


def test_what_is_in_force_is_told_for_each_worker():
    told = text(report(WORKER, WORKER | {"worker": 1, "restartNeeded": ["store.entry_max"]}))

    assert told.splitlines() == [
        "worker 0: generation 2, policies ab12, since 2026-11-20T12:56:22.182+00:00",
        "worker 1: generation 2, policies ab12, since 2026-11-20T12:56:22.182+00:00",
        "different in the files, and waiting for a restart: store.entry_max",
    ]


def test_what_is_wrong_is_told_with_its_place():
    told = text(report(WORKER, error="policies/operations.yaml:3:1: unknown key"))

    assert told.splitlines()[1:] == [
        "the files cannot be used, and everything is as it was:",
        "policies/operations.yaml:3:1: unknown key",
    ]


def test_workers_that_disagree_or_are_silent_are_told():
    told = text(report(WORKER, {"worker": 1, "answered": False}, agree=False))

    assert "worker 1 did not answer" in told
    assert "the workers have different policies in force" in told


@pytest.mark.parametrize("words", [(), ("--status",)])
def test_nobody_there_is_said(project, words):
    result = project().bff("reload", *words, "--admin", "http://127.0.0.1:1")

    assert result.code == 2
    assert "no bff answers at http://127.0.0.1:1" in result.err
