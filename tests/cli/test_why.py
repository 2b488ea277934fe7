"""`bff why` finds an error in a log, and says where it looked when it does not."""

import json
from itertools import count

import pytest

from bff.cli.why import find, text

ERROR = {
    "time": "2026-11-20T12:56:22.182+00:00",
    "level": "warning",
    "event": "error",
    "error_id": "e1",
    "request_id": "r1",
    "code": "UPSTREAM_TIMEOUT",
    "path": "dishes.0",
    "upstream": "catalog",
    "detail": "catalog.dishes: READ_TIMEOUT",
}
ATTEMPT = {
    "event": "attempt",
    "request_id": "r1",
    "upstream": "catalog",
    "endpoint": "dishes",
    "origin": "http://10.0.0.7:80",
    "attempt": 1,
    "outcome": "READ_TIMEOUT",
    "ms": 800.1,
}
BREAKER = {
    "time": "T",
    "level": "warning",
    "event": "breaker",
    "upstream": "catalog",
    "from": "closed",
    "to": "open",
}
OPERATION = {"event": "operation", "request_id": "r1", "name": "Screen"}


def log(*lines):
    return [json.dumps(line) + "\n" if isinstance(line, dict) else f"{line}\n" for line in lines]


def test_the_line_of_an_error_is_found_by_its_id():
    report = find("e1", log("Traceback of a launcher", {"event": "log", "detail": "e1 is not mine"}, ERROR))

    assert (report["requestId"], report["code"], report["path"]) == ("r1", "UPSTREAM_TIMEOUT", "dishes.0")
    assert (report["story"], report["operation"], report["errorsOfAnswer"]) == ([], None, {"UPSTREAM_TIMEOUT": 1})


def test_attempts_that_were_logged_tell_the_story_where_the_line_does_not():
    other = {**ATTEMPT, "request_id": "r2"}

    report = find("e1", log(ATTEMPT, other, ERROR, OPERATION))

    assert report["story"] == ["catalog.dishes: attempt 1 at http://10.0.0.7:80: READ_TIMEOUT, after 800.1 ms"]
    assert report["operation"] == "Screen"


def test_the_story_of_the_line_goes_first():
    report = find("e1", log(ATTEMPT, {**ERROR, "story": ["all of it"]}))

    assert report["story"] == ["all of it"]


def test_each_of_several_equal_errors_is_found():
    ids = [f"e{number}" for number in range(12)]
    line = {**ERROR, "error_id": "e0", "count": 12, "error_ids": ids, "paths": [f"dishes.{n}" for n in range(10)]}

    paths = [find(one, log(line))["path"] for one in ids]

    assert paths[:10] == [f"dishes.{number}" for number in range(10)]
    assert paths[10] == "one more of 12 equal errors, as dishes.0"
    assert find("e7", log(line))["errorsOfAnswer"] == {"UPSTREAM_TIMEOUT": 12}


def test_what_was_logged_of_the_service_is_told_and_of_others_not():
    report = find("e1", log({**BREAKER, "upstream": "reviews"}, BREAKER, ERROR))

    assert report["news"] == ["T  breaker: upstream catalog, from closed, to open"]


def test_other_errors_of_the_answer_are_counted():
    report = find("e1", log(ERROR, {**ERROR, "error_id": "e2", "code": "CIRCUIT_OPEN", "count": 3}))

    assert report["errorsOfAnswer"] == {"UPSTREAM_TIMEOUT": 1, "CIRCUIT_OPEN": 3}


def test_a_log_without_end_is_read_only_as_far_as_needed():
    endless = (json.dumps({"event": "operation", "request_id": str(number)}) for number in count())

    def lines():
        yield from log(ERROR)
        yield from endless

    assert find("e1", lines())["requestId"] == "r1"


def test_people_read_what_is_known_and_nothing_else():
    told = text(find("e1", log(ATTEMPT, BREAKER, ERROR)))

    assert told.splitlines()[0] == "error e1"
    assert "path       dishes.0" in told
    assert "attempt 1 at http://10.0.0.7:80" in told
    assert "None" not in told
    assert "No call to a service" in text(find("e1", log(ERROR)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("e1", "--log", "log.jsonl"), "UPSTREAM_TIMEOUT"),
        (("e9", "--log", "log.jsonl"), "no line of log.jsonl is about error 'e9'"),
        (("e1", "--log", "missing.jsonl"), "missing.jsonl: No such file"),
        (("e1", "--admin", "http://127.0.0.1:1"), "no bff answers at http://127.0.0.1:1"),
        (("e1", "--admin", "nonsense"), "write a URL such as"),
        (("e1", "--log", "log.jsonl", "--admin", "http://h"), "say one of --log and --admin"),
    ],
)
def test_the_command_says_what_it_found_or_where_it_looked(project, words, said):
    made = project()
    (made.directory / "log.jsonl").write_text("".join(log(ERROR)), encoding="utf-8")

    result = made.bff("why", *words)

    found = words == ("e1", "--log", "log.jsonl")
    assert result.code == (0 if found else 2)
    assert said in (result.out if found else result.err)
