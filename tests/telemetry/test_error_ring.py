"""The last errors are kept with what happened to their request, and no more than that."""

from bff.codes import Code
from bff.events import ErrorsTold, ErrorTold, OperationFinished
from bff.telemetry.error_ring import ErrorRing
from bff.upstream.outcome import Outcome

WALL = 1_700_000_000.0


def error(number, upstream="catalog", request="r1", exception=None):
    path = ("dishes", number)
    return ErrorTold(f"e{number}", request, Code.UPSTREAM_TIMEOUT, path, upstream, "Bearer SECRETabc", exception)


def test_an_error_is_found_with_the_story_of_its_service_only(told):
    ring = ErrorRing(told.journals, wall=lambda: WALL)
    told.begin()
    told.start("reviews")()
    told.start("catalog", "dishes")(Outcome.READ_TIMEOUT, status=None)

    ring(ErrorsTold("r1", (error(1, exception=ValueError("x")), error(2))))
    told.tell(OperationFinished("r1", "Screen", "query", 0.1, 2, 0))
    report = ring.find("e1").report()

    story = report.pop("story")
    assert report == {
        "errorId": "e1",
        "requestId": "r1",
        "time": "2023-11-14T22:13:20.000+00:00",
        "operation": "Screen",
        "code": "UPSTREAM_TIMEOUT",
        "path": "dishes.1",
        "upstream": "catalog",
        "detail": "Bearer [redacted]",
        "exception": "ValueError: x",
        "errorsOfAnswer": {"UPSTREAM_TIMEOUT": 2},
    }
    assert len(story) == 3
    assert all("catalog.dishes" in line for line in story)


def test_a_refused_request_has_no_story(told):
    ring = ErrorRing(told.journals, wall=lambda: WALL)

    ring(ErrorsTold("r9", (ErrorTold("e9", "r9", Code.RATE_LIMITED, None, None, "too often", None),)))

    report = ring.find("e9").report()
    assert (report["path"], report["operation"], report["story"]) == (None, None, [])


def test_the_oldest_makes_room(told):
    ring = ErrorRing(told.journals, wall=lambda: WALL, most=3)

    ring(ErrorsTold("r1", tuple(error(number) for number in range(5))))

    assert len(ring) == 3
    assert [ring.find(f"e{number}") is not None for number in range(5)] == [False, False, True, True, True]


def test_what_an_exception_holds_is_let_go(told):
    """Its frames hold the whole operation."""
    ring = ErrorRing(told.journals, wall=lambda: WALL)

    ring(ErrorsTold("r1", (error(1, exception=ValueError("x")),)))

    assert ring.find("e1").told.exception is None
