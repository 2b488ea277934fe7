"""What clients see of the endpoint over real connections."""

import pytest

from bff.codes import Code
from bff.execution.messages import Answer
from bff.policy.model import OperationsPolicy

GRAPHQL = "application/graphql-response+json; charset=utf-8"
JSON = "application/json; charset=utf-8"
FAILED = {"data": None, "errors": [{"message": "m", "path": ["a"]}]}
PARTIAL = {"data": {"a": None, "b": 1}, "errors": [{"message": "m", "path": ["a"]}]}


def answering(body, **fields):
    async def behaviour(request, ingress):
        return Answer(body, **fields)

    return behaviour


def refusing(code):
    return answering({"errors": [{"message": "m", "extensions": {"code": code}}]}, refused=code)


async def test_an_answer_has_its_headers(edge):
    async with edge() as running:
        answer = await running.post(accept="application/graphql-response+json")

    assert answer.status_code == 200
    assert answer.json() == {"data": {"__typename": "Query"}}
    headers = dict(answer.headers)
    headers.pop("date")
    assert headers == {
        "content-type": GRAPHQL,
        "cache-control": "private, no-cache",
        "vary": "Accept, Authorization, Cookie, Origin",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "content-length": "31",
        "x-request-id": "r1",
    }


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
@pytest.mark.parametrize("mode", ["draft", "classic"])
@pytest.mark.parametrize(
    ("code", "draft", "classic"),
    [
        (Code.GRAPHQL_PARSE_FAILED, 400, 400),
        (Code.GRAPHQL_VALIDATION_FAILED, 422, 400),
        (Code.BAD_REQUEST, 422, 400),
        (Code.BAD_USER_INPUT, 422, 400),
        (Code.OPERATION_RESOLUTION_FAILURE, 422, 400),
        (Code.OPERATION_TOO_LARGE, 422, 400),
        (Code.INTROSPECTION_DISABLED, 422, 400),
        (Code.PERSISTED_QUERY_NOT_FOUND, 422, 400),
        (Code.PERSISTED_QUERY_NOT_SUPPORTED, 422, 400),
        (Code.METHOD_NOT_ALLOWED, 405, 405),
        (Code.UNAUTHENTICATED, 401, 401),
        (Code.FORBIDDEN, 403, 403),
        (Code.SHUTTING_DOWN, 503, 503),
        (Code.DEADLINE_EXCEEDED, 504, 504),
        (Code.INTERNAL_SERVER_ERROR, 500, 500),
        (Code.NOT_FOUND, 500, 500),
    ],
)
async def test_a_refusal_of_the_engine_has_the_status_of_its_mode(
    edge, operations, accept, mode, code, draft, classic
):
    """PD-6 to PD-8: the same codes whatever the client reads, and always labelled as GraphQL."""
    async with edge(refusing(code), operations(request_error_status=mode)) as running:
        answer = await running.post(accept=accept)

    assert answer.status_code == (draft if mode == "draft" else classic)
    assert answer.headers["content-type"] == GRAPHQL
    assert answer.headers["cache-control"] == "no-store"
    assert "data" not in answer.json()
    assert answer.headers.get("allow") == ("POST" if code is Code.METHOD_NOT_ALLOWED else None)
    assert answer.headers.get("www-authenticate") == ("Bearer" if code is Code.UNAUTHENTICATED else None)


@pytest.mark.parametrize("mode", ["draft", "classic"])
@pytest.mark.parametrize(
    ("content", "headers", "draft", "classic", "code"),
    [
        pytest.param(b"", {}, 400, 400, "BAD_REQUEST", id="empty"),
        pytest.param(b" \n", {}, 400, 400, "BAD_REQUEST", id="blank"),
        pytest.param(b"{", {}, 400, 400, "BAD_REQUEST", id="not JSON"),
        pytest.param(b"{} {}", {}, 400, 400, "BAD_REQUEST", id="JSON and more"),
        pytest.param(b'{"query":"\xff"}', {}, 400, 400, "BAD_REQUEST", id="not UTF-8"),
        pytest.param('{"query":"{a}"}'.encode("utf-16"), {}, 400, 400, "BAD_REQUEST", id="UTF-16"),
        pytest.param(b'{"query":"\\ud800"}', {}, 400, 400, "BAD_REQUEST", id="lone surrogate"),
        pytest.param(b'{"query":"{a}","query":"{b}"}', {}, 400, 400, "BAD_REQUEST", id="repeated name"),
        pytest.param(b'{"query":"{a}","variables":{"x":NaN}}', {}, 400, 400, "BAD_REQUEST", id="NaN"),
        pytest.param(b'{"query":"{a}","z":' + b"[" * 100_000, {}, 400, 400, "BAD_REQUEST", id="nesting bomb"),
        pytest.param(
            b'{"query":"{a}","variables":{"x":' + b"[" * 130 + b"]" * 130 + b"}}",
            {},
            400,
            400,
            "BAD_REQUEST",
            id="nested past the limit",
        ),
        pytest.param(
            b'{"query":"{a}","variables":{"x":' + b"9" * 5000 + b"}}",
            {},
            422,
            400,
            "BAD_REQUEST",
            id="5,000 digits",
        ),
        pytest.param(b'{"query":"{a}","variables":{"x":1e400}}', {}, 422, 400, "BAD_REQUEST", id="huge exponent"),
        pytest.param(b"null", {}, 422, 400, "BAD_REQUEST", id="null"),
        pytest.param(b"3", {}, 422, 400, "BAD_REQUEST", id="number"),
        pytest.param(b'"{a}"', {}, 422, 400, "BAD_REQUEST", id="string"),
        pytest.param(b"{}", {}, 422, 400, "BAD_REQUEST", id="no query"),
        pytest.param(b'{"query":""}', {}, 422, 400, "BAD_REQUEST", id="empty query"),
        pytest.param(b'{"query":["{a}"]}', {}, 422, 400, "BAD_REQUEST", id="query no string"),
        pytest.param(b'{"query":"{a}","variables":[7]}', {}, 422, 400, "BAD_REQUEST", id="variables no map"),
        pytest.param(
            b'{"query":"{a}","operationName":1}', {}, 422, 400, "BAD_REQUEST", id="operationName no string"
        ),
        pytest.param(b'{"query":"{a}","extensions":"x"}', {}, 422, 400, "BAD_REQUEST", id="extensions no map"),
        pytest.param(b'[{"query":"{a}"}]', {}, 400, 400, "BAD_REQUEST", id="batch while off"),
        pytest.param(b"{}", {"content_type": "text/plain"}, 415, 415, "UNSUPPORTED_MEDIA_TYPE", id="text"),
        pytest.param(
            b"query=a",
            {"content_type": "application/x-www-form-urlencoded"},
            415,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            id="form",
        ),
        pytest.param(
            b"{}",
            {"content_type": "multipart/form-data; boundary=x"},
            415,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            id="upload",
        ),
        pytest.param(
            b"{}",
            {"content_type": "application/json; charset=latin1"},
            415,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            id="latin1",
        ),
        pytest.param(b"{}", {"content_encoding": "gzip"}, 415, 415, "UNSUPPORTED_MEDIA_TYPE", id="compressed"),
        pytest.param(b"{}", {"accept": "text/xml"}, 406, 406, "NOT_ACCEPTABLE", id="accepts XML"),
        pytest.param(b"{}", {"accept": "application/json;q=0"}, 406, 406, "NOT_ACCEPTABLE", id="accepts no JSON"),
        pytest.param(b"x" * 300_000, {}, 413, 413, "PAYLOAD_TOO_LARGE", id="too large"),
    ],
)
async def test_a_request_that_is_none_is_refused(edge, operations, mode, content, headers, draft, classic, code):
    """Each of these crashed or confused some server; none may reach the engine."""
    async with edge(policy=operations(request_error_status=mode)) as running:
        answer = await running.post_bytes(content, **headers)

    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
        draft if mode == "draft" else classic,
        code,
    )
    assert answer.headers["content-type"] == GRAPHQL
    assert answer.headers["cache-control"] == "no-store"
    assert not running.engine.requests


async def test_a_missing_content_type_is_refused(edge):
    async with edge() as running:
        request = running.client.build_request("POST", "/graphql", content=b'{"query":"{a}"}')
        request.headers.pop("content-type", None)
        answer = await running.client.send(request)

    assert answer.status_code == 415


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/json; v=1",
    ],
)
async def test_json_in_utf8_is_taken_however_it_is_spelt(edge, content_type):
    async with edge() as running:
        answer = await running.post_bytes(b'{"query":"{a}"}', content_type=content_type)

    assert answer.status_code == 200


async def test_a_byte_order_mark_is_ignored(edge):
    async with edge() as running:
        answer = await running.post_bytes(b'\xef\xbb\xbf{"query":"{a}"}')

    assert answer.status_code == 200
    assert running.engine.requests[0].query == "{a}"


async def test_an_encoding_that_changes_nothing_is_no_compression(edge):
    async with edge() as running:
        assert (await running.post_bytes(b'{"query":"{a}"}', content_encoding="identity")).status_code == 200
        refused = await running.post_bytes(b'{"query":"{a}"}', content_encoding="gzip")

    assert refused.headers["accept-encoding"] == "identity"


async def test_nulls_and_unknown_members_are_ignored(edge):
    content = b'{"query":"{a}","operationName":null,"variables":null,"extensions":null,"doc":{"x":"y"}}'
    async with edge() as running:
        answer = await running.post_bytes(content)

    assert answer.status_code == 200
    [request] = running.engine.requests
    assert (request.operation_name, request.variables, request.extensions) == (None, None, None)


@pytest.mark.parametrize(
    ("body", "degraded", "partial_status", "status", "cache"),
    [
        pytest.param({"data": {"a": 1}}, False, 294, 200, "private, no-cache", id="whole"),
        pytest.param({"data": {"a": 1}}, True, 294, 200, "no-store", id="stale"),
        pytest.param(PARTIAL, False, 200, 200, "no-store", id="partial"),
        pytest.param(PARTIAL, False, 294, 294, "no-store", id="partial, said by the status"),
        pytest.param(FAILED, False, 200, 200, "no-store", id="nothing, but executed"),
        pytest.param(FAILED, False, 294, 294, "no-store", id="nothing, but executed, said by the status"),
    ],
)
async def test_an_executed_operation_is_a_success(edge, operations, body, degraded, partial_status, status, cache):
    async with edge(answering(body, degraded=degraded), operations(partial_status=partial_status)) as running:
        answer = await running.post(accept="application/json")

    assert (answer.status_code, answer.headers["cache-control"]) == (status, cache)
    assert answer.headers["content-type"] == JSON


async def test_what_is_degraded_is_said_in_a_header(edge):
    note = {"path": ["a"], "upstream": "catalog", "reason": "UPSTREAM_TIMEOUT", "source": "stale", "ageMs": 5}
    body = {"data": {"a": 1}, "extensions": {"degraded": [note, note]}}
    async with edge(answering(body, degraded=True)) as running:
        answer = await running.post()

    assert answer.headers["x-bff-degraded"] == "catalog;UPSTREAM_TIMEOUT"


@pytest.mark.parametrize(
    ("accept", "code", "status", "label"),
    [
        pytest.param("application/json", Code.GRAPHQL_VALIDATION_FAILED, 200, JSON, id="old client"),
        pytest.param("application/json, text/plain, */*", Code.GRAPHQL_PARSE_FAILED, 200, JSON, id="old library"),
        pytest.param("application/json", Code.UNAUTHENTICATED, 401, GRAPHQL, id="not about the document"),
        pytest.param("*/*", Code.GRAPHQL_VALIDATION_FAILED, 422, GRAPHQL, id="reads anything"),
        pytest.param(
            "application/graphql-response+json, application/json",
            Code.GRAPHQL_VALIDATION_FAILED,
            422,
            GRAPHQL,
            id="new client",
        ),
    ],
)
async def test_old_clients_can_have_200_for_everything(edge, accept, code, status, label):
    """PD-8: they throw the body of a 4xx away."""
    async with edge(refusing(code), OperationsPolicy(always_200_for_json=True)) as running:
        answer = await running.post(accept=accept)

    assert (answer.status_code, answer.headers["content-type"]) == (status, label)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_other_methods_are_named(edge, method):
    async with edge() as running:
        answer = await running.client.request(method, "/graphql")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"


async def test_a_get_carries_everything_in_its_url(edge):
    async with edge() as running:
        answer = await running.get(
            "query=query%20A(%24x%3AInt)%7Ba%7D&operationName=A&variables=%7B%22x%22%3A1%7D&extensions=&other=1"
        )

    assert answer.status_code == 200
    [request] = running.engine.requests
    assert (request.query, request.operation_name) == ("query A($x:Int){a}", "A")
    assert (request.variables, request.extensions) == ({"x": 1}, None)
    assert running.engine.ingresses[0].safe_method


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("query=%7Ba%7D&query=%7Bb%7D", 422, id="query twice"),
        pytest.param("query=%7Ba%7D&variables=%7B", 400, id="variables not JSON"),
        pytest.param("query=%7Ba%7D&variables=%5B%5D", 422, id="variables no map"),
        pytest.param("query=%7Ba%7D&variables=%7B%22a%22%3A1%2C%22a%22%3A2%7D", 400, id="variables repeat a name"),
        pytest.param("query=%FF", 400, id="not UTF-8"),
        pytest.param("query=", 422, id="empty query"),
        pytest.param("operationName=A", 422, id="no query"),
        pytest.param("query=" + "x" * 40_000, 414, id="too long"),
    ],
)
async def test_a_get_that_is_ambiguous_or_broken_is_refused(edge, query, status):
    async with edge() as running:
        answer = await running.get(query)

    assert answer.status_code == status
    assert not running.engine.requests


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 403, id="nothing that makes a browser ask"),
        pytest.param({"accept": "application/graphql-response+json"}, 403, id="accept can be set by any page"),
        pytest.param({"content-type": "text/plain"}, 403, id="simple content type"),
        pytest.param({"content-type": ""}, 403, id="empty content type"),
        pytest.param({"content-type": "application/json"}, 200, id="content type that browsers ask about"),
        pytest.param({"graphql-require-preflight": "1"}, 200, id="our header"),
        pytest.param({"x-apollo-operation-name": ""}, 200, id="Apollo's header"),
    ],
)
async def test_a_get_that_any_page_could_send_is_refused(edge, headers, status):
    async with edge() as running:
        answer = await running.client.get("/graphql?query=%7Ba%7D", headers=headers)

    assert answer.status_code == status


async def test_a_batch_is_answered_in_order_where_policy_allows_it(edge, operations):
    async def echo(request, ingress):
        return Answer({"data": {"q": request.query}})

    async with edge(echo, operations(batching={"enabled": True, "max_operations": 2})) as running:
        answer = await running.post([{"query": "{a}"}, {"query": "{b}"}])
        too_long = await running.post([{"query": "{a}"}] * 3)
        empty = await running.post_bytes(b"[]")

    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    assert answer.json() == [{"data": {"q": "{a}"}}, {"data": {"q": "{b}"}}]
    assert (too_long.status_code, empty.status_code) == (400, 400)


@pytest.mark.parametrize("path", ["/", "/graphq", "/graphql/", "/graphql/assets/x.js", "/graphqlx"])
async def test_elsewhere_there_is_a_problem_and_no_graphql(edge, path):
    """PD-9."""
    async with edge() as running:
        answer = await running.client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["title"] == "Not Found"


async def test_only_known_hosts_are_answered_where_they_are_listed(edge):
    """A foreign name that resolves to this machine would make every page a page of ours."""
    async with edge(hosts=frozenset({"api.example.com"})) as running:
        ours = await running.post(host="API.example.com")
        foreign = await running.post(host="evil.example")

    assert (ours.status_code, foreign.status_code) == (200, 421)
    assert foreign.headers["content-type"] == "application/problem+json"


async def page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest.mark.parametrize(
    ("url", "accept", "content_type"),
    [
        ("/graphql", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("/graphql?tab=1", "text/html", "text/html"),
        ("/graphql/assets/a.js", "*/*", "text/html"),
        ("/graphql?query=%7Ba%7D", "text/html,*/*;q=0.8", JSON),
        ("/graphql?query=%7Ba%7D", "application/json,text/html;q=0.5", JSON),
        ("/graphql?query=%7Ba%7D", "*/*", JSON),
    ],
)
async def test_browsers_get_the_page_and_programs_get_json(edge, url, accept, content_type):
    async with edge(graphiql=page) as running:
        answer = await running.client.get(url, headers={"accept": accept, "x-bff-csrf": "1"})

    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)


async def test_a_fault_of_the_engine_is_told_without_its_words(edge):
    async def broken(request, ingress):
        raise RuntimeError("password=hunter2")

    async with edge(broken) as running:
        answer = await running.post()

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "hunter2" in running.engine.refused[0][2]


async def test_an_answer_that_is_not_json_is_a_fault_and_never_half_sent(edge):
    async with edge(answering({"data": {"a": object()}})) as running:
        answer = await running.post()

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


async def test_a_busy_service_says_when_to_come_back(edge):
    errors = [{"message": "m", "extensions": {"retryAfterMs": 1200}}]
    async with edge(answering({"errors": errors}, refused=Code.UPSTREAM_OVERLOADED)) as running:
        answer = await running.post()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_absurd_headers_are_refused(edge):
    async with edge() as running:
        many = await running.client.post("/graphql", headers=[(f"x-{n}", "1") for n in range(120)])
        large = await running.client.post("/graphql", headers={"x-large": "x" * 70_000})

    assert (many.status_code, large.status_code) == (431, 431)
