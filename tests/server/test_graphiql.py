"""The page for people: whole, from this host only, and nothing else of the disk."""

import asyncio
import gzip
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Scope

from bff.server.graphiql import GraphiQL, Tab, read_tabs

SCRIPT = "console.log('the page')\n" * 40
MANIFEST = {"script": "bff-1.js", "style": "bff-2.css", "icon": "icon-3.svg", "preload": ["chunk-4.js"]}
HOME = Tab("query Home { home }", {"first": 3})


@dataclass(frozen=True)
class Reply:
    """What an ASGI application sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


async def ask(app: GraphiQL, path: str, method: str = "GET", *, root_path: str = "", **headers: str) -> Reply:
    """Send one request; names of *headers* are written with underscores."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "http", "method": method, "path": path, "root_path": root_path, "headers": raw}
    sent: list[Message] = []

    async def receive() -> Message:
        """Stay silent, as a client does that waits for its answer."""
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return Reply(sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, body)


def build(directory: Path) -> Path:
    """Write what the build writes, in small."""
    assets = directory / "assets"
    assets.mkdir(parents=True)
    (assets / "bff-1.js").write_text(SCRIPT)
    (assets / "bff-1.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (assets / "bff-2.css").write_text("body {}")
    (assets / "icon-3.svg").write_text("<svg/>")
    (assets / "chunk-4.js").write_text("export {}")
    (directory / "THIRD-PARTY.txt").write_text("licences")
    (directory / "manifest.json").write_text(json.dumps(MANIFEST))
    return directory


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return build(tmp_path / "dist")


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("once") / "dist")


@pytest.fixture
def app(built: Path) -> GraphiQL:
    return GraphiQL(operations=[HOME], headers={"Authorization": "Bearer demo-u1"}, assets=built)


@pytest.fixture
def get(app: GraphiQL) -> Callable[..., Awaitable[Reply]]:
    async def get(path: str, method: str = "GET", **options: str) -> Reply:
        return await ask(app, path, method, **options)

    return get


def config_of(page: Reply) -> dict[str, object]:
    found = re.search(r'<script id="bff-config"[^>]*>(.*?)</script>', page.text, re.DOTALL)
    assert found
    return json.loads(found[1])


def policy_of(reply: Reply) -> dict[str, str]:
    directives = (directive.split(" ", 1) for directive in reply.headers["content-security-policy"].split("; "))
    return dict(directives)


async def test_the_page_holds_operations_and_headers(get):
    page = await get("/graphql")

    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    config = config_of(page)
    assert config["operations"] == [{"query": "query Home { home }", "variables": '{\n  "first": 3\n}'}]
    assert json.loads(str(config["headers"])) == {"Authorization": "Bearer demo-u1"}


async def test_the_page_loads_what_the_build_wrote(get):
    page = await get("/graphql")

    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {address.removeprefix("graphql/assets/") for address in addresses} == {
        "bff-1.js",
        "bff-2.css",
        "icon-3.svg",
        "chunk-4.js",
    }
    for address in addresses:
        assert (await get(f"/{address}")).status == 200


async def test_scripts_come_from_this_host_alone(get):
    """A cross-site script could otherwise run every operation that its reader may run."""
    policy = policy_of(await get("/graphql"))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["worker-src"] == policy["connect-src"] == "'self'"
    for directive in ("frame-ancestors", "base-uri", "form-action"):
        assert policy[directive] == "'none'"
    assert "unsafe-inline" not in policy["style-src"]
    assert "unsafe-eval" not in str(policy)


async def test_each_page_has_a_nonce_of_its_own(get):
    """A nonce that is known beforehand protects nothing."""
    first, second = await get("/graphql"), await get("/graphql")

    nonces = [re.findall(r'nonce="([^"]+)"', page.text) for page in (first, second)]
    assert nonces[0] != nonces[1]
    assert policy_of(first)["style-src"] == f"'self' 'nonce-{nonces[0][0]}'"


async def test_the_page_is_never_reused_without_asking(get):
    """After an upgrade the assets have other names, so an old page would be an empty one."""
    headers = (await get("/graphql")).headers

    assert headers["cache-control"] == "no-cache"
    assert headers["vary"] == "Accept"


@pytest.mark.parametrize("path", ["/graphql", "/graphql/assets/bff-1.js", "/graphql/assets/none.js"])
async def test_every_answer_is_read_as_the_type_it_claims_and_tells_others_nothing(get, path):
    headers = (await get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]


@given(query=st.text(), value=st.text())
async def test_no_operation_breaks_out_of_the_page(built_once, query, value):
    """A document may contain `</script>`, and whoever writes documents must not write scripts."""
    app = GraphiQL(operations=[Tab(query, {"v": value})], headers={}, assets=built_once)

    page = await ask(app, "/graphql")

    assert page.text.count("<script") == page.text.count("</script>") == 2
    (operation,) = config_of(page)["operations"]
    assert operation["query"] == query
    assert json.loads(operation["variables"]) == {"v": value}


async def test_markup_in_an_operation_stays_text(built):
    page = await ask(GraphiQL(operations=[Tab("</script><script>x")], headers={}, assets=built), "/graphql")

    assert "<script>x" not in page.text
    assert config_of(page)["operations"] == [{"query": "</script><script>x", "variables": None}]


async def test_other_operations_are_another_version(built):
    """The browser keeps edited tabs for each version, so new operations show up at once."""
    pages = [
        await ask(GraphiQL(operations=tabs, headers={}, assets=built), "/graphql")
        for tabs in ([HOME], [HOME], [HOME, Tab("{ other }")])
    ]

    versions = [config_of(page)["version"] for page in pages]
    assert versions[0] == versions[1] != versions[2]


async def test_assets_are_kept_for_a_year(get):
    asset = await get("/graphql/assets/bff-1.js")

    assert asset.text == SCRIPT
    assert asset.headers["content-type"] == "text/javascript; charset=utf-8"
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("accept_encoding", "compressed"),
    [
        pytest.param("gzip", True, id="named"),
        pytest.param("br, GZIP;q=0.5", True, id="named among others"),
        pytest.param("", False, id="nothing"),
        pytest.param("br", False, id="another"),
        pytest.param("gzip;q=0", False, id="refused"),
        pytest.param("gzip; q=0.000", False, id="refused with decimals"),
        pytest.param("gzip;q=0.001", True, id="hardly wanted"),
        pytest.param("x-gzip-like", False, id="a longer name"),
    ],
)
async def test_compressed_assets_go_to_those_who_take_them(get, accept_encoding, compressed):
    asset = await get("/graphql/assets/bff-1.js", accept_encoding=accept_encoding)

    assert ("content-encoding" in asset.headers) is compressed
    assert int(asset.headers["content-length"]) == len(asset.body)
    body = gzip.decompress(asset.body) if compressed else asset.body
    assert body.decode() == SCRIPT


async def test_an_asset_without_a_compressed_twin_is_sent_as_it_is(get):
    asset = await get("/graphql/assets/chunk-4.js", accept_encoding="gzip")

    assert "content-encoding" not in asset.headers
    assert asset.text == "export {}"


@pytest.mark.parametrize("accept_encoding", ["", "gzip"])
@pytest.mark.parametrize("shape", ["{}", "W/{}", '"other", {}', "*"])
async def test_a_known_asset_is_not_sent_again(get, accept_encoding, shape):
    path = "/graphql/assets/bff-1.js"
    etag = (await get(path, accept_encoding=accept_encoding)).headers["etag"]

    again = await get(path, accept_encoding=accept_encoding, if_none_match=shape.format(etag))

    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == etag


async def test_encodings_do_not_share_an_etag(get):
    """RFC 9110, 8.8.3.3: a strong ETag names bytes, and the bytes differ."""
    plain = await get("/graphql/assets/bff-1.js")
    small = await get("/graphql/assets/bff-1.js", accept_encoding="gzip")

    assert plain.headers["etag"] != small.headers["etag"]


@pytest.mark.parametrize("path", ["/graphql", "/graphql/assets/bff-1.js", "/graphql/assets/none.js"])
async def test_head_is_get_without_the_body(get, path):
    head, whole = await get(path, "HEAD"), await get(path)

    assert head.body == b""
    assert head.status == whole.status
    assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.body))


@pytest.mark.parametrize(
    "name",
    [
        "../manifest.json",
        "../../dist/manifest.json",
        "./bff-1.js",
        "x/../bff-1.js",
        "..\\manifest.json",
        "%2e%2e/manifest.json",
        "/etc/hostname",
        "assets/../../manifest.json",
        "manifest.json",
        "THIRD-PARTY.txt",
        "bff-1.js.gz",
        "bff-1.js\0",
        "bff-1.JS",
        "",
        ".",
        "..",
    ],
)
async def test_only_what_the_build_listed_is_sent(get, name):
    """Names are looked up in a table, never joined to a path."""
    reply = await get(f"/graphql/assets/{name}")

    assert reply.status == 404


@given(name=st.text(alphabet="./\\%2eabf-1js\0", max_size=20))
async def test_no_name_leads_out_of_the_assets(built_once, name):
    reply = await ask(GraphiQL(operations=[], headers={}, assets=built_once), f"/graphql/assets/{name}")

    assert reply.status == 404 or reply.text == SCRIPT


async def test_what_is_not_there_is_a_problem(get):
    reply = await get("/graphql/assets/none.js")

    assert reply.headers["content-type"] == "application/problem+json"
    assert json.loads(reply.body) == {"type": "about:blank", "title": "Not Found", "status": 404}


async def test_other_methods_are_told_which_there_are(get):
    reply = await get("/graphql", "POST")

    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


async def test_before_the_build_the_page_says_how_to_build(tmp_path):
    app = GraphiQL(operations=[HOME], headers={}, assets=tmp_path / "dist")

    page = await ask(app, "/graphql")

    assert page.status == 503
    assert "make web" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert (await ask(app, "/graphql/assets/bff-1.js")).status == 404


async def test_a_build_shows_without_a_restart(tmp_path):
    app = GraphiQL(operations=[HOME], headers={}, assets=tmp_path / "dist")
    assert (await ask(app, "/graphql")).status == 503

    build(tmp_path / "dist")

    assert (await ask(app, "/graphql")).status == 200
    assert (await ask(app, "/graphql/assets/bff-1.js")).status == 200


@pytest.mark.parametrize(
    ("root_path", "path"),
    [
        pytest.param("/api", "/api/graphql", id="a proxy's prefix"),
        pytest.param("/graphql", "/graphql", id="mounted"),
    ],
)
async def test_the_page_works_where_it_is_mounted(get, root_path, path):
    page = await get(path, root_path=root_path)
    asset = await get(f"{path}/assets/bff-1.js", root_path=root_path)

    assert (page.status, asset.status) == (200, 200)
    assert 'src="graphql/assets/bff-1.js"' in page.text


def test_tabs_are_read_with_their_variables_and_the_home_screen_first(tmp_path):
    for name in ("cart", "home", "orders"):
        (tmp_path / f"{name}.graphql").write_text(f"query {name} {{ x }}")
    (tmp_path / "cart.variables.json").write_text('{"id": "ö1"}')
    (tmp_path / "notes.txt").write_text("not an operation")

    assert read_tabs(tmp_path) == [
        Tab("query home { x }"),
        Tab("query cart { x }", {"id": "ö1"}),
        Tab("query orders { x }"),
    ]


def test_no_directory_means_no_tabs(tmp_path):
    assert read_tabs(tmp_path / "none") == []


@pytest.mark.parametrize("content", ["{", "[1]", "null", '"text"'])
def test_bad_variables_are_named(tmp_path, content):
    """Whoever starts the server sees which file to mend."""
    (tmp_path / "home.graphql").write_text("{ x }")
    (tmp_path / "home.variables.json").write_text(content)

    with pytest.raises(ValueError, match=r"home\.variables\.json: "):
        read_tabs(tmp_path)
