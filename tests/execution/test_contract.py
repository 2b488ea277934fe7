"""The error contract: one whole error for each code, and never a secret in an answer."""

import io
import json
from pathlib import Path

import pytest
from graphql import build_schema

from bff.codes import Code
from bff.contract import error_schema
from bff.errors import PublicError
from bff.execution.messages import GraphQLRequest
from bff.telemetry.logs import JsonLogs
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

GOLDEN = Path(__file__).parent / "golden"
CANARY = "canary-7f3a.internal.example"
SDL = "type Query { fails: String  must: String!  hello(at: Int! = 1): String } type Mutation { fails: String }"

UPSTREAM = {
    Code.UPSTREAM_ERROR: UpstreamError(Outcome.SERVER_ERROR, CANARY, status=500),
    Code.UPSTREAM_UNAVAILABLE: UpstreamError(Outcome.CONNECT, CANARY, phase="connect"),
    Code.UPSTREAM_TIMEOUT: UpstreamError(Outcome.READ_TIMEOUT, CANARY, phase="attempt"),
    Code.UPSTREAM_THROTTLED: UpstreamError(Outcome.THROTTLED, CANARY, status=429, retry_after=2.0),
    Code.UPSTREAM_OVERLOADED: UpstreamError(Outcome.POOL, CANARY, phase="queue"),
    Code.UPSTREAM_BAD_RESPONSE: UpstreamError(Outcome.BAD_PAYLOAD, CANARY, body=CANARY.encode()),
    Code.UPSTREAM_RESPONSE_TOO_LARGE: UpstreamError(Outcome.TOO_LARGE, CANARY),
    Code.UPSTREAM_REJECTED: UpstreamError(Outcome.CLIENT_ERROR, CANARY, status=400, body=CANARY.encode()),
    Code.UPSTREAM_CONFLICT: UpstreamError(Outcome.CONFLICT, CANARY, status=409),
    Code.UPSTREAM_UNAUTHORIZED: UpstreamError(Outcome.AUTH, CANARY, status=401),
    Code.UPSTREAM_FORBIDDEN: UpstreamError(Outcome.AUTH, CANARY, status=403),
    Code.CIRCUIT_OPEN: UpstreamError(Outcome.OPEN, CANARY, retry_after=5.0),
    Code.NOT_FOUND: UpstreamError(Outcome.NOT_FOUND, CANARY, status=404),
    Code.DEADLINE_EXCEEDED: UpstreamError(Outcome.CANCELLED, CANARY, phase="operation"),
}
RAISED = {
    **UPSTREAM,
    Code.INTERNAL_SERVER_ERROR: ValueError(CANARY),
    Code.FORBIDDEN: PublicError(Code.FORBIDDEN, "Only for owners of this restaurant."),
    Code.UNAUTHENTICATED: PublicError(Code.UNAUTHENTICATED, "Log in first."),
}
REQUESTS = {
    Code.GRAPHQL_PARSE_FAILED: GraphQLRequest("{ fails"),
    Code.GRAPHQL_VALIDATION_FAILED: GraphQLRequest("{ nope }"),
    Code.BAD_USER_INPUT: GraphQLRequest("query($at: Int!) { hello(at: $at) }", variables={"at": "noon"}),
    Code.BAD_REQUEST: GraphQLRequest(),
    Code.OPERATION_RESOLUTION_FAILURE: GraphQLRequest("query A { fails }", "B"),
    Code.OPERATION_TOO_LARGE: GraphQLRequest("{ " + "a:fails " * 400 + "}"),
    Code.INTROSPECTION_DISABLED: GraphQLRequest("{ __schema { queryType { name } } }"),
    Code.PERSISTED_QUERY_NOT_SUPPORTED: GraphQLRequest(extensions={"persistedQuery": {}}),
}


def world_raising(world, error, **options):
    schema = build_schema(SDL)

    async def fails(*_):
        raise error

    for kind, field in (("Query", "fails"), ("Query", "must"), ("Mutation", "fails")):
        schema.type_map[kind].fields[field].resolve = fails
    if isinstance(error, UpstreamError):
        error.upstream = "catalog"
    return world(schema, **options)


def golden(name, body):
    """Hold *body* to the file of this *name*; a missing file is written, for a person to look at."""
    text = json.dumps(body, indent=2) + "\n"
    path = GOLDEN / f"{name}.json"
    if not path.exists():
        path.write_text(text, "utf-8")
        pytest.fail(f"{path.name} was missing and has been written: read it, then commit it")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("code", RAISED)
async def test_the_answer_of_each_failure(world, code):
    it = world_raising(world, RAISED[code])

    answer = await it.ask("{ fails }")

    golden(code.value, answer.body)


@pytest.mark.parametrize("code", REQUESTS)
async def test_the_answer_of_each_refusal(world, code):
    it = world_raising(world, ValueError())

    answer = it.held(await it.engine.execute(REQUESTS[code], it.ingress()))

    assert answer.refused is code
    golden(code.value, answer.body)


async def test_the_answer_of_too_many_errors(world):
    it = world_raising(world, UPSTREAM[Code.UPSTREAM_ERROR], max_errors=1)

    answer = await it.ask("{ fails a: fails b: fails }")

    golden(Code.TOO_MANY_ERRORS.value, answer.body)


async def test_the_answer_of_a_mutation_that_may_have_worked(world):
    it = world_raising(world, UpstreamError(Outcome.RESET, CANARY, phase="read"))

    answer = await it.ask("mutation { fails }")

    golden("outcome-unknown", answer.body)


@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED.keys())
@pytest.mark.parametrize("query", ["{ fails }", "{ must }", "mutation { fails }"])
async def test_secrets_stay_in_the_log_under_the_same_id(world, error, query):
    """What a service or an exception says is for operators; the client's id finds it."""
    it = world_raising(world, error)
    stream = io.StringIO()

    answer = await it.ask(query)
    logs = JsonLogs(stream, wall=it.clock.wall)
    for event in it.events:
        logs(event)

    assert CANARY not in json.dumps(answer.body)
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line["error_id"] == answer.body["errors"][0]["extensions"]["errorId"]
    if not isinstance(error, PublicError):
        assert CANARY in line["detail"]
        assert CANARY in line["exception"]


def test_the_schema_lists_the_codes():
    listed = error_schema()["$defs"]["extensions"]["properties"]["code"]["enum"]

    assert listed == [code.value for code in Code]


ERROR = {"message": "m", "extensions": {"code": "UPSTREAM_ERROR", "retryable": True, "errorId": "1"}}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"errors": []},
        {"errors": [{**ERROR, "path": ["a"]}]},
        {"data": {}, "errors": []},
        {"data": {}, "errors": [{"message": "m"}]},
        {"data": {}, "errors": [{**ERROR, "extensions": {**ERROR["extensions"], "code": "SOMETHING"}}]},
        {"data": {}, "errors": [{**ERROR, "extensions": {**ERROR["extensions"], "retryAfterMs": 1.5}}]},
        {"data": {}, "errors": [{**ERROR, "extensions": {**ERROR["extensions"], "outcome": "unknown"}}]},
        {"data": {}, "errors": [{**ERROR, "exception": "ValueError"}]},
        {"data": {}, "extensions": {"degraded": []}},
        {
            "data": {},
            "extensions": {"degraded": [{"path": ["a"], "upstream": "A", "reason": "x", "source": "old"}]},
        },
    ],
)
def test_what_the_contract_does_not_allow(contract, body):
    """A contract that anything fits would prove nothing."""
    assert not contract.is_valid(body)


@pytest.mark.parametrize("body", [{"data": None, "errors": [ERROR]}, {"errors": [ERROR]}, {"data": {"a": 1}}])
def test_what_the_contract_allows(contract, body):
    contract.validate(body)
