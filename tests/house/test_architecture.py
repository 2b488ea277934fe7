"""Who may import whom: schema -> resolvers -> upstreams -> bff, and layers within the engine."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "bff": {"bff"},
    "upstreams": {"upstreams", "bff"},
    "resolvers": {"resolvers", "upstreams", "bff"},
    "schema": {"schema", "resolvers", "upstreams", "bff"},
}
HOUSE = frozenset(MAY_IMPORT)
ENGINE_LAYERS = [
    # A package may import those above it in this list, and those of its own line.
    {"bff.codes", "bff.clock"},
    {"bff.upstream.outcome", "bff.upstream.errors", "bff.upstream.message", "bff.upstream.template"},
    {"bff.events", "bff.policy", "bff.secrets", "bff.store", "bff.upstream.transport"},
    {"bff.context", "bff.upstream", "bff.experiments"},
    {"bff.errors", "bff.execution", "bff.contract"},
    {"bff.explain"},
    # The console serves what telemetry has counted, to whom auth knows, so it stands beside all of them.
    {
        "bff.telemetry",
        "bff.server",
        "bff.auth",
        "bff.admission",
        "bff.console",
        "bff.experiments.admin",
        "bff.experiments.assemble",
        "bff.experiments.edge",
        "bff.experiments.trials",
    },
    {"bff.settings", "bff.generations", "bff.app", "bff.asgi", "bff.testing", "bff.web", "bff.auth.development"},
    {"bff.cli"},
]
BESIDE_THE_TRANSPORT = {ROOT / "bff/auth/session/oidc.py", ROOT / "bff/auth/development/app.py"}
"""Logins are rare and Authlib's, whose client is httpx2's; the development issuer never runs in production."""
OUTSIDE_LAYERS = {"bff", "bff.testing"}
"""`bff` itself only re-exports; the test kit belongs to tests, which stand above everything."""


def sources(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and module of each import in the file, also of those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the whole name"
            yield node.lineno, node.module or ""


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(module: str) -> int | None:
    """Return the place of the most specific entry that *module* falls under."""
    names = module.split(".")
    for length in range(len(names), 0, -1):
        name = ".".join(names[:length])
        if name in OUTSIDE_LAYERS:
            return None
        for place, members in enumerate(ENGINE_LAYERS):
            if name in members:
                return place
    return None


@pytest.mark.parametrize("package", sorted(HOUSE))
def test_imports_between_the_top_folders_go_one_way(package):
    """A team that adopts the engine replaces four folders; the engine must not know them."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(package)
        for line, name in imports(path)
        if name.split(".")[0] in HOUSE - MAY_IMPORT[package]
    ]

    assert wrong == []


def test_the_compiler_imports_graphql_core_and_nothing_of_ours():
    """It is usable on its own, with any schema."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources("bff/execution/compiler")
        for line, name in imports(path)
        if name.split(".")[0] in HOUSE and not name.startswith("bff.execution.compiler")
    ]

    assert wrong == []


def test_the_simulated_services_are_reached_over_http_only():
    """They stand for other teams' programs."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in HOUSE
        for path in sources(package)
        for line, name in imports(path)
        if name.startswith("upstreams.simulation") and "simulation" not in path.parts
    ]

    assert wrong == []


def test_layers_of_the_engine_are_imported_downwards_only():
    """What decides does not know what serves."""
    wrong = []
    for path in sources("bff"):
        own = layer(module_of(path))
        for line, name in imports(path):
            other = layer(name) if name.startswith("bff") else None
            if own is not None and other is not None and other > own:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")

    assert wrong == []


def test_no_file_imports_a_client_library_but_its_adapter():
    """Resolvers and stages speak to the transport port (PY-1)."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for package in HOUSE
        for path in sources(package)
        for line, name in imports(path)
        if name.split(".")[0] in {"aiohttp", "httpx", "httpx2", "requests", "urllib3"}
        and path.parent != ROOT / "bff/upstream/transport"
        and path not in BESIDE_THE_TRANSPORT
    ]

    assert wrong == []


def test_every_folder_of_code_has_a_readme():
    """One screen that says what the folder is for."""
    folders = {path.parent for package in HOUSE for path in sources(package)} | {
        ROOT / "policies",
        ROOT / "docker",
    }

    assert [
        str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "README.md").exists()
    ] == []
