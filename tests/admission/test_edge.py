"""What browsers of other origins may do (Fetch, CORS protocol), and what makes them careful."""

import httpx
import pytest

from bff.admission.addresses import Addresses
from bff.admission.edge import RESPONSE_HEADERS, Edge
from bff.clock import SystemClock
from bff.execution.messages import GraphQLRequest
from bff.policy.model import OperationsPolicy
from bff.policy.network import NetworkPolicy
from bff.server.headers import Headers
from bff.server.http import GraphQLEndpoint
from bff.server.known import Judgement, Known
from bff.server.lifecycle import Lifecycle
from bff.server.negotiation import negotiate

APP = "https://app.example.com"
CORS = {"cors": {"origins": [APP], "credentials": True, "headers": ["x-shop"], "expose": ["x-trace"]}}
ASKS = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}


@pytest.fixture
def client(gate, engine):
    """A function that makes a browser in front of the real endpoint."""

    def make(network, *, scheme="http", peer="192.0.2.1", **options):
        made = gate(network=network, limited=False)
        endpoint = GraphQLEndpoint(
            engine,
            OperationsPolicy(),
            clock=SystemClock(),
            lifecycle=Lifecycle(SystemClock()),
            new_request_id=lambda: "r1",
            hosts=made.hosts,
            admission=made.admission,
            **options,
        )
        transport = httpx.ASGITransport(made.around(endpoint, path="/graphql"), client=(peer, 1))
        return httpx.AsyncClient(transport=transport, base_url=f"{scheme}://api.example.com")

    return make


def allowed(answer):
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_a_preflight_from_a_page_that_may_call_is_answered(client):
    async with client(CORS) as browser:
        answer = await browser.options("/graphql", headers={"origin": APP, **ASKS})

    assert (answer.status_code, answer.content) == (204, b"")
    told = allowed(answer)
    names = told.pop("access-control-allow-headers").split(", ")
    assert {"content-type", "authorization", "x-bff-csrf", "graphql-require-preflight", "x-shop"} <= set(names)
    assert told == {
        "access-control-allow-origin": APP,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST",
        "access-control-max-age": "600",
    }
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com", "http://app.example.com", "https://app.example.com:8443", "null",
        "https://app.example.com.evil.com", "https://APP.example.com", "", "https://app.example.com/", "*",
    ],
)  # fmt: skip
async def test_any_other_origin_is_told_no(client, origin):
    """Compared as a whole: no prefix, no pattern, no case folding."""
    async with client(CORS) as browser:
        first = await browser.options("/graphql", headers={"origin": origin, **ASKS})
        second = await browser.get("/graphql?query={a}", headers={"origin": origin})

    assert first.status_code == 403
    assert allowed(first) == allowed(second) == {}


async def test_csrf_is_still_prevented_for_a_page_that_may_call(client):
    """A GET without a header that forces a preflight is refused whoever sends it, and the page may read why."""
    async with client(CORS) as browser:
        answer = await browser.get("/graphql?query={a}", headers={"origin": APP})

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "CSRF_PREVENTED"
    assert answer.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_csrf_a_post_that_a_form_could_send_is_refused_whatever_its_origin(client, content_type):
    async with client(CORS) as browser:
        for origin in (APP, "https://evil.example.com"):
            headers = {"origin": origin, "content-type": content_type}
            assert (await browser.post("/graphql", content=b'{"query":"{a}"}', headers=headers)).status_code == 415


async def test_a_page_that_may_call_may_read_what_the_product_says(client):
    async with client(CORS) as browser:
        answer = await browser.get("/graphql?query={a}", headers={"origin": APP})

    exposed = set(answer.headers["access-control-expose-headers"].split(", "))
    assert exposed == {*RESPONSE_HEADERS, "x-trace"}
    assert {"ratelimit", "retry-after", "deprecation", "x-request-id"} <= exposed


async def test_without_origins_nothing_is_answered_for_others(client):
    async with client({}) as browser:
        answer = await browser.options("/graphql", headers={"origin": APP, **ASKS})

    assert answer.status_code == 405
    assert allowed(answer) == {}


async def test_a_preflight_elsewhere_and_a_plain_options_are_not_ours(client):
    async with client(CORS) as browser:
        elsewhere = await browser.options("/other", headers={"origin": APP, **ASKS})
        plain = await browser.options("/graphql", headers={"origin": APP})

    assert (elsewhere.status_code, plain.status_code) == (404, 405)


@pytest.mark.parametrize(
    ("options", "headers", "told"),
    [
        pytest.param({"scheme": "https"}, {}, True, id="https"),
        pytest.param({}, {}, False, id="http"),
        pytest.param({"peer": "10.0.0.1"}, {"x-forwarded-proto": "https"}, True, id="https before our proxy"),
        pytest.param({}, {"x-forwarded-proto": "https"}, False, id="a stranger's word"),
    ],
)
async def test_https_is_remembered_where_it_was_spoken(client, options, headers, told):
    """RFC 6797 section 7.2: never over http."""
    async with client({"trusted_proxies": ["10.0.0.0/8"]}, **options) as browser:
        answer = await browser.get("/graphql?query={a}", headers=headers)

    assert answer.headers.get("strict-transport-security") == ("max-age=31536000" if told else None)


async def test_policy_says_how_long_https_is_remembered(client):
    async with client({"security": {"hsts": "1d", "hsts_subdomains": True}}, scheme="https") as browser:
        some = await browser.get("/graphql")
    async with client({"security": {"hsts": "0s"}}, scheme="https") as browser:
        none = await browser.get("/graphql")

    assert some.headers["strict-transport-security"] == "max-age=86400; includeSubDomains"
    assert "strict-transport-security" not in none.headers


async def test_every_answer_keeps_browsers_from_guessing_and_framing(client):
    async with client(CORS) as browser:
        answers = [await browser.get("/graphql"), await browser.get("/other")]

    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_denied_address_gets_403_before_its_body_is_read(client):
    async with client({"deny": ["192.0.2.0/24"]}) as browser:
        answer = await browser.post("/graphql", content=b"x" * 10, headers={"content-type": "application/json"})

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert answer.headers["connection"] == "close"


async def test_only_named_hosts_are_answered(client):
    async with client({"hosts": ["api.example.com"]}) as browser:
        right = await browser.get("/graphql?query={a}")
        wrong = await browser.get("/graphql?query={a}", headers={"host": "evil.example.com"})

    assert (right.status_code, wrong.status_code) == (403, 421)


class Knowing:
    """An endpoint that knows a request and answers it with the header lines that the server adds."""

    path = "/graphql"

    def __init__(self, *, waits=False):
        self.waits = waits

    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def at_once(self, known, client, usual):
        return self if self.waits else usual


def known(**fields):
    headers = Headers([(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()])
    one = Known({}, b"")
    one.judgement = Judgement(object(), headers, negotiate(None), GraphQLRequest("{ a }"), None)
    return one


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize(
    ("client", "fields", "secured"),
    [
        ("10.0.0.1", {"x_forwarded_proto": "https"}, True),
        ("10.0.0.1", {"x_forwarded_proto": "http"}, False),
        ("10.0.0.1", {}, False),
        ("192.0.2.1", {"x_forwarded_proto": "https"}, False),
    ],
    ids=["https before our proxy", "http before our proxy", "from our proxy itself", "said by a stranger"],
)
async def test_requests_that_came_before_get_the_fields_of_their_scheme_too(client, fields, secured, waits):
    policy = NetworkPolicy.model_validate({"trusted_proxies": ["10.0.0.0/8"]})
    edge = Edge(Knowing(waits=waits), policy, Addresses(policy), path="/graphql")
    hsts = (b"strict-transport-security", b"max-age=31536000")

    answer = edge.at_once(known(**fields), (client, 1), b"date: now\r\n")
    if not waits:
        assert answer == b"date: now\r\n" + (b"%b: %b\r\n" % hsts if secured else b"")
        return
    sent = []

    async def send(message):
        sent.append(message)

    await answer({}, None, send)
    assert sent[0]["headers"] == ([hsts] if secured else [])


def test_a_request_of_a_page_is_not_answered_without_its_fields():
    policy = NetworkPolicy.model_validate({"cors": {"origins": ["https://app.example"]}})
    edge = Edge(Knowing(), policy, Addresses(policy), path="/graphql")

    assert edge.at_once(known(origin="https://app.example"), ("10.0.0.1", 1), b"") is None
    assert edge.at_once(Known({}, b""), ("10.0.0.1", 1), b"") is None
    assert Edge(plain, policy, Addresses(policy), path="/graphql").at_once(known(), None, b"") is None


async def plain(scope, receive, send):
    """What lies around an endpoint, such as tracing."""
