"""Errors are worded in one place: clients read what helps them, operators read the rest under the same id."""

from itertools import count
from types import SimpleNamespace

import pytest
import strawberry.exceptions
from graphql import GraphQLError, build_schema, parse, validate
from graphql.language import FieldNode

from bff.codes import Code
from bff.context import Degradation
from bff.errors import ErrorDesk, OperationStopped, PublicError, ResolverCancelled, degradations
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import FACTS, Outcome

CANARY = "hunter2.internal.example"


@pytest.fixture
def told():
    """Return the list of events that the desk fills."""
    return []


@pytest.fixture
def desk(told):
    """Return a desk that knows `catalog` as "Catalog" and allows three errors."""
    ids = count(1)
    return ErrorDesk(told.append, new_id=lambda: f"id-{next(ids)}", alias=str.title, max_errors=3)


def operation(kind="query", *, dispatched=False):
    return SimpleNamespace(request_id="r1", kind=kind, dispatched=dispatched)


def failed(cause, path=("dish",)):
    return GraphQLError(str(cause), path=list(path), original_error=cause)


def worded(desk, cause, **state):
    (error,) = desk.execution([failed(cause)], operation(**state))
    return error


def test_a_service_is_named_by_its_alias_and_never_quoted(desk, told):
    cause = UpstreamError(
        Outcome.THROTTLED, f"429 from {CANARY}", status=429, retry_after=1.25, phase="read", upstream="catalog",
        endpoint="dishes", body=CANARY.encode(),
    )  # fmt: skip

    error = worded(desk, cause)

    assert error == {
        "message": "Catalog asks for fewer calls.",
        "path": ["dish"],
        "extensions": {
            "code": "UPSTREAM_THROTTLED",
            "retryable": True,
            "upstream": "Catalog",
            "retryAfterMs": 1250,
            "phase": "read",
            "errorId": "id-1",
        },
    }
    event, all_of_it = told
    assert all_of_it.errors == (event,)
    assert event.error_id == "id-1"
    assert event.upstream == "catalog"
    assert event.exception is cause
    assert event.detail.count(CANARY) == 2, "the log has the reason and the body"


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if FACTS[outcome].code])
def test_every_outcome_has_words(desk, outcome):
    error = worded(desk, UpstreamError(outcome, CANARY, upstream="catalog"))

    assert CANARY not in str(error)
    if error["extensions"]["code"] == "INTERNAL_SERVER_ERROR":
        assert error["message"] == "Internal server error"
    else:
        assert "Catalog" in error["message"]


def test_a_service_without_a_name_is_some_service(desk):
    error = worded(desk, UpstreamError(Outcome.CONNECT, CANARY))

    assert error["message"] == "A service is not available at the moment."
    assert "upstream" not in error["extensions"]


@pytest.mark.parametrize(
    "cause",
    [
        ValueError(CANARY),
        KeyError(CANARY),
        ResolverCancelled(),
        GraphQLError(CANARY),
        GraphQLError(CANARY, extensions={"secret": CANARY}),
        ExceptionGroup(CANARY, [ValueError(CANARY)]),
        TypeError("Cannot return null for non-nullable field Query.secretField."),
    ],
)
def test_anything_else_is_a_fault_of_ours(desk, told, cause):
    """Also a GraphQLError: graphql-core raises those with values in their text."""
    error = worded(desk, cause)

    assert error["message"] == "Internal server error"
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "retryable": False, "errorId": "id-1"}
    assert told[0].exception is not None
    assert str(cause) in told[0].detail


def test_an_application_says_what_it_wants_clients_to_read(desk):
    error = worded(desk, PublicError(Code.FORBIDDEN, "Only for owners.", ownerOnly=True))

    assert error["message"] == "Only for owners."
    assert error["extensions"] == {"code": "FORBIDDEN", "retryable": False, "ownerOnly": True, "errorId": "id-1"}


@pytest.mark.parametrize("name", ["code", "errorId", "retryable", "upstream", "retryAfterMs", "phase", "outcome"])
def test_an_application_cannot_take_a_name_of_the_contract(name):
    with pytest.raises(ValueError, match=name):
        PublicError(Code.FORBIDDEN, "No.", **{name: "mine"})


def test_a_permission_of_strawberry_is_read_by_clients(desk):
    refused = strawberry.exceptions.StrawberryGraphQLError("Log in first", extensions={"code": "UNAUTHENTICATED"})
    plain = strawberry.exceptions.StrawberryGraphQLError("Not yours", extensions={"errorId": "mine", "hint": 1})

    assert worded(desk, refused)["extensions"]["code"] == "UNAUTHENTICATED"
    assert worded(desk, plain)["extensions"] == {
        "code": "FORBIDDEN", "retryable": False, "hint": 1, "errorId": "id-2",
    }  # fmt: skip


def test_an_argument_that_does_not_fit_is_the_clients_mistake(desk):
    field = parse("{ a(x: $v) }").definitions[0].selection_set.selections[0]
    assert isinstance(field, FieldNode)
    error = GraphQLError("Argument 'x' must not be null.", field.arguments[0].value, path=["a"])

    (told,) = desk.execution([error], operation())

    assert (told["extensions"]["code"], told["message"]) == ("BAD_USER_INPUT", "Argument 'x' must not be null.")


def test_the_deadline_says_which_timer_it_was(desk):
    extensions = worded(desk, OperationStopped(started=True))["extensions"]

    assert (extensions["code"], extensions["phase"], extensions["retryable"]) == (
        "DEADLINE_EXCEEDED",
        "operation",
        True,
    )


def test_errors_beyond_the_limit_are_counted(desk, told):
    """PD-3: a thousand dishes that fail alike need not be told a thousand times."""
    errors = desk.execution([failed(ValueError("x"), ("dishes", i)) for i in range(10)], operation())

    assert [error.get("path") for error in errors] == [["dishes", 0], ["dishes", 1], ["dishes", 2], None]
    assert errors[-1]["extensions"] == {
        "code": "TOO_MANY_ERRORS", "retryable": False, "suppressed": 7, "errorId": "id-4",
    }  # fmt: skip
    *each, all_of_them = told
    assert [event.error_id for event in each] == ["id-1", "id-2", "id-3", "id-4"]
    assert all_of_them.errors == tuple(each), "told together, however many were left out"


def test_as_many_errors_as_the_limit_need_no_summary(desk):
    assert len(desk.execution([failed(ValueError("x"))] * 3, operation())) == 3


def test_request_errors_say_where_but_have_no_path(desk):
    schema = build_schema("type Query { hello: String }")

    errors = desk.request(Code.GRAPHQL_VALIDATION_FAILED, validate(schema, parse("{\n  helo }")), "r1")

    assert errors == [
        {
            "message": "Cannot query field 'helo' on type 'Query'. Did you mean 'hello'?",
            "locations": [{"line": 2, "column": 3}],
            "extensions": {"code": "GRAPHQL_VALIDATION_FAILED", "retryable": False, "errorId": "id-1"},
        }
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Cannot query 'a'. Did you mean 'b', 'c' or 'd'?", "Cannot query 'a'."),
        ("Did you mean it?", "Did you mean it?"),
        ("Unknown type 'A'. Did you mean 'B'? See below.", "Unknown type 'A'. See below."),
    ],
)
def test_hints_go_where_the_schema_is_closed(desk, message, expected):
    (error,) = desk.request(Code.GRAPHQL_VALIDATION_FAILED, [GraphQLError(message)], "r1", hints=False)

    assert error["message"] == expected


def test_what_a_scalar_says_about_a_value_stays_inside(desk, told):
    inner = ValueError(f"cannot connect to {CANARY}")
    error = GraphQLError(f"Variable '$d' got invalid value 'x'; {inner}", original_error=inner)

    (worded_error,) = desk.request(Code.BAD_USER_INPUT, [error], "r1")

    assert worded_error["message"] == "Variable '$d' got invalid value 'x'"
    assert told[0].exception is inner


def test_a_message_that_quotes_a_novel_is_cut(desk):
    (error,) = desk.request(Code.BAD_USER_INPUT, [GraphQLError("x" * 5000)], "r1")

    assert len(error["message"]) < 1010


def test_a_refusal_carries_what_the_transport_adds(desk, told):
    (error,) = desk.refusal(Code.SHUTTING_DOWN, "Ask another one.", "r1", detail="SIGTERM", retryAfterMs=1000)

    assert error["extensions"]["retryAfterMs"] == 1000
    assert told[0].detail == "SIGTERM"


def test_degradations_are_json():
    notes = [Degradation(("a", 1), "Catalog", "UPSTREAM_TIMEOUT", "stale", 7)]

    assert degradations(notes) == [
        {"path": ["a", 1], "upstream": "Catalog", "reason": "UPSTREAM_TIMEOUT", "source": "stale", "ageMs": 7}
    ]
