"""Builds the wheel, installs it into an empty environment and uses what was installed.

Run by `make wheel`; any failure ends it with exit code 1 and the reason.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".build" / "wheel"
APPLICATION = """
import strawberry

@strawberry.type
class Query:
    @strawberry.field(description="Says hello.")
    async def hello(self, name: str = "world") -> str:
        return f"hello {name}"

schema = strawberry.Schema(Query)
"""


def run(*command: str | Path, **options: object) -> str:
    """Return what *command* prints; its failure is ours."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, install, use."""
    shutil.rmtree(BUILD, ignore_errors=True)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", BUILD, ROOT)
    (wheel,) = BUILD.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    roots = {name.split("/")[0] for name in names}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"bff"}, roots
    for needed in ("bff/py.typed", "bff/web/dist/manifest.json", "bff/contract/error-v1.schema.json"):
        assert needed in names, f"{needed} is not in the wheel"
    assert not [name for name in names if "node_modules" in name or "/src/" in name]

    home = BUILD / "venv"
    venv.create(home)
    python, bff = home / "bin/python", home / "bin/bff"
    install = ("install", "--quiet", "--no-compile", "--constraint", ROOT / "constraints.txt")
    run(sys.executable, "-m", "pip", "--python", python, *install, wheel)
    place = BUILD / "elsewhere"
    place.mkdir()
    (place / "application.py").write_text(APPLICATION, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": "", "BFF_SCHEMA": "application:schema"}
    where = run(python, "-c", "import bff; print(bff.__file__)", cwd=place, env=environment)
    assert str(home) in where, f"the installed copy was not used: {where}"
    assert "serve" in run(bff, "--help", cwd=place, env=environment)
    assert "type Query" in run(bff, "schema", "print", cwd=place, env=environment)
    serve(bff, place, environment)
    run(bff, "new", "shop", cwd=place, env=environment)
    plain = {name: value for name, value in environment.items() if not name.startswith("BFF_")}
    assert "All is well" in run(bff, "check", cwd=place / "shop", env=plain)
    print(f"{wheel.name}: {len(names)} files; its installed copy serves")  # noqa: T201 - a script


def serve(bff: Path, place: Path, environment: dict[str, str]) -> None:
    """Start the installed server on a free port, ask it something, and stop it."""
    import re  # noqa: PLC0415
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    command = [str(bff), "serve", "--port", "0", "--admin-port", "0"]
    with subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            seen = ""
            for line in server.stdout:
                seen += line
                if found := re.search(r"http://127\.0\.0\.1:(\d+)/graphql", line):
                    break
            else:
                sys.exit(f"the installed server did not start:\n{seen}")
            request = urllib.request.Request(
                f"http://127.0.0.1:{found[1]}/graphql",
                data=b'{"query": "{ hello }"}',
                headers={"content-type": "application/json"},
            )
            answer, patience = None, time.monotonic() + 30
            while answer is None:
                try:
                    with urllib.request.urlopen(request, timeout=10) as response:
                        answer = json.load(response)
                except urllib.error.HTTPError as refused:
                    if refused.code != 503 or time.monotonic() > patience:
                        sys.exit(f"the installed server answers {refused.code}: {refused.read().decode()}")
                    time.sleep(0.2)
            assert answer == {"data": {"hello": "hello world"}}, answer
        finally:
            server.terminate()
            server.terminate()
            server.wait(30)
    assert server.returncode == 0, f"the server ended with {server.returncode}"


if __name__ == "__main__":
    main()
