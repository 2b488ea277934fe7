"""Log lines for people: what failed, where, in which operation, and what is theirs of a traceback."""

import io
import logging
import re
from pathlib import Path

import pytest

from bff.codes import Code
from bff.events import ErrorsTold, ErrorTold, HostEjected
from bff.telemetry.terminal import TerminalLogs


def told(**changes):
    values = {
        "error_id": "e1",
        "request_id": "q1",
        "code": Code.UPSTREAM_UNAVAILABLE,
        "path": ("books", 0, "rating"),
        "upstream": "ratings",
        "detail": "status 503",
        "exception": None,
    }
    return ErrorTold(**{**values, **changes})


@pytest.fixture
def written():
    """Return a function that lets events be written and gives the text."""

    def write(*events, operation="Shelf", **options):
        stream = io.StringIO()
        logs = TerminalLogs(
            stream,
            wall=lambda: 0.0,
            story=lambda _: ["1.0 ms  ratings.of_books: attempt 1"],
            operation=lambda _: operation,
            **options,
        )
        for event in events:
            logs(event)
        return stream.getvalue()

    return write


def test_an_error_is_told_with_operation_path_story_and_how_to_ask_for_more(written):
    text = written(ErrorsTold("q1", (told(), told(error_id="e2", path=("books", 1, "rating")))))

    first, *below = text.splitlines()
    assert first.endswith("warning UPSTREAM_UNAVAILABLE at books.0.rating and 1 more in Shelf: status 503")
    assert [line.strip() for line in below] == ["1.0 ms  ratings.of_books: attempt 1", "bff why e1"]


def test_a_request_that_was_refused_as_a_whole_has_no_place(written):
    refused = told(code=Code.SERVICE_OVERLOADED, path=None, upstream=None, detail="loop lag")

    (line, _) = written(ErrorsTold("q1", (refused,)), operation=None).splitlines()

    assert line.endswith("info    SERVICE_OVERLOADED loop lag")


def application(folder):
    """Return what a resolver of an application in *folder* raises."""
    file = folder / "resolvers" / "books.py"
    file.parent.mkdir()
    file.write_text("def shelf(read):\n    return read('[')\n", encoding="utf-8")
    names = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
    return names["shelf"]


def test_a_fault_of_the_application_has_its_own_lines_and_no_library_frames(written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(re.error) as failed:
        application(tmp_path)(re.compile)

    text = written(
        ErrorsTold(
            "q1",
            (told(code=Code.INTERNAL_SERVER_ERROR, upstream=None, detail="it broke", exception=failed.value),),
        )
    )

    assert "error   INTERNAL_SERVER_ERROR at books.0.rating in Shelf: it broke" in text
    assert "resolvers/books.py:2 in shelf" in text
    assert "return read('[')" in text
    assert "_parser.py" not in text
    assert str(Path(__file__)) not in text
    assert "unterminated character set" in text


def test_other_events_are_one_line_with_their_facts(written):
    text = written(HostEjected("catalog", "http://a", "5xx", 5.0, 1))

    assert "warning host upstream=catalog origin=http://a to=ejected cause=5xx" in text
    assert text.count("\n") == 1


def test_credentials_are_taken_out(written):
    logs = written(ErrorsTold("q1", (told(detail="authorization: Bearer SECRETabcdefgh"),)))

    assert "SECRET" not in logs


def test_what_is_below_the_level_is_not_written(written):
    assert written(HostEjected("catalog", "http://a", "5xx", 5.0, 1), level=logging.ERROR) == ""
