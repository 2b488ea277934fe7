"""What can be proved of the image without a container engine: its commands run, its entry serves and drains."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bff.testing.development_issuer import DevelopmentIssuer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PLACES = ("/src", "/build", "/wheels", "/opt/bff", "/app")
"""Absolute paths of the Dockerfile, moved below a temporary folder."""


def instructions():
    """Return keyword and text of each instruction, continuation lines joined."""
    lines = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^\s*#.*\n", "", lines, flags=re.MULTILINE)
    joined = lines.replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def excluded(path):
    """Return whether `Dockerfile.dockerignore` keeps *path* out; the last pattern that fits decides."""
    out = False
    for line in (ROOT / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.lstrip("!").strip()
        folder = pattern.removeprefix("**/")
        fits = pattern in {"**", path} or path.startswith(f"{pattern}/")
        fits = fits or (pattern.startswith("**/") and fnmatch.filter(path.split("/"), folder) != [])
        if pattern and fits:
            out = not line.startswith("!")
    return out


def context(target):
    """Copy what would be sent to the engine; what git does not know is not there on a clean checkout either."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if not excluded(name) and (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


class Builder:
    """Runs a Dockerfile's instructions below a folder, stage by stage."""

    def __init__(self, folder):
        self.root = folder / "root"
        self.context = folder / "context"
        self.context.mkdir(parents=True)
        context(self.context)
        for name in ("passwd", "group"):
            (self.root / "etc").mkdir(parents=True, exist_ok=True)
            (self.root / "etc" / name).write_text("", encoding="utf-8")
        self.directory = self.root
        self.environment = {}
        self.metadata = {}
        self.stages = {}
        self.ran = 0

    def moved(self, text):
        """Return *text* with the Dockerfile's absolute paths below our folder."""
        for place in PLACES:
            text = re.sub(rf"(?<![\w./-]){place}(?=[/\s:'\"]|$)", f"{self.root}{place}", text)
        return re.sub(r"\b(groupadd|useradd) ", rf"\1 --prefix {self.root} ", text)

    def build(self):
        for keyword, rest in instructions():
            handler = getattr(self, f"do_{keyword.lower()}", None)
            if handler:
                handler(rest)
            else:
                self.metadata[keyword] = rest
        return self

    def do_from(self, rest):
        base, _, name = rest.partition(" AS ")
        self.environment = self.stages[name] = dict(self.stages.get(base, {}))

    def do_workdir(self, rest):
        self.directory = Path(self.moved(rest))
        self.directory.mkdir(parents=True, exist_ok=True)

    def do_env(self, rest):
        for pair in shlex.split(rest):
            name, _, value = pair.partition("=")
            self.environment[name] = self.moved(value).replace("$PATH", os.environ["PATH"])

    def do_copy(self, rest):
        words = shlex.split(rest)
        from_stage = words[0].startswith("--from=")
        *sources, target = words[1:] if from_stage else words
        for source in sources:
            origin = Path(self.moved(source)) if from_stage else self.context / source
            goal = Path(self.moved(target)) if target.startswith("/") else self.directory / target
            if origin == goal:
                continue
            if origin.is_dir():
                shutil.copytree(origin, goal, dirs_exist_ok=True)
            else:
                shutil.copy2(origin, goal / origin.name if target.endswith("/") else goal)

    def do_run(self, rest):
        python = f'python() {{ {shlex.quote(sys.executable)} "$@"; }}'
        done = subprocess.run(
            ["bash", "-euc", f"{python}; {self.moved(rest)}"],
            cwd=self.directory,
            env={**os.environ, **self.environment, "PYTHONPATH": "", "PIP_NO_COMPILE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"RUN {rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        self.ran += 1


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return Builder(tmp_path_factory.mktemp("image")).build()


def test_every_command_runs_on_a_clean_copy_of_the_project(image):
    assert image.ran == sum(keyword == "RUN" for keyword, _ in instructions())


def test_the_image_holds_the_page_and_the_application_and_no_build_tools(image):
    installed = next((image.root / "opt/bff/lib").glob("python*/site-packages"))

    assert (installed / "bff/web/dist/manifest.json").exists()
    folders = {path.name for path in (image.root / "app").iterdir()}
    assert folders == {"schema", "resolvers", "upstreams", "policies", "pyproject.toml"}
    assert not (installed / "pip").exists()
    assert not (installed / "pytest").exists()


def test_it_runs_as_nobody_in_particular_and_is_process_one(image):
    """SIGTERM must reach the program itself, so that it can drain."""
    assert image.metadata["USER"] == "bff"
    assert image.metadata["STOPSIGNAL"] == "SIGTERM"
    assert json.loads(image.metadata["ENTRYPOINT"]) == ["bff"]
    assert re.search(r"^bff:[x!]:10001:", (image.root / "etc" / "passwd").read_text(encoding="utf-8"))


@pytest.fixture
def issuer():
    with DevelopmentIssuer(ROOT) as issuer:
        yield issuer


def test_the_entry_command_becomes_healthy_and_drains(image, issuer):
    command = [*json.loads(image.metadata["ENTRYPOINT"]), *json.loads(image.metadata["CMD"])]
    environment = {**os.environ, **image.environment, "PYTHONPATH": "", "BFF_PORT": "0", "BFF_ADMIN_PORT": "0"}
    policy = image.root / "app/policies/operations.yaml"
    text = re.sub(r"drain:\n( +.*\n)+", "", policy.read_text(encoding="utf-8"))
    policy.write_text(text + "\ndrain: {delay: 100ms, timeout: 2s}\n", encoding="utf-8")
    auth = image.root / "app/policies/auth.yaml"
    auth.write_text(
        auth.read_text(encoding="utf-8").replace("http://127.0.0.1:9100", issuer.url), encoding="utf-8"
    )
    program = str(image.root / "opt/bff/bin/bff")

    with subprocess.Popen(
        [program, *command[1:]], cwd=image.root / "app", env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            ready = process.stdout.readline()
            admin = re.search(r"admin: http://127\.0\.0\.1:(\d+)", ready)
            assert admin, ready
            check = json.loads(image.metadata["HEALTHCHECK"].partition("CMD ")[2])
            healthy = [part.replace(":8001/", f":{admin[1]}/") for part in check]
            assert subprocess.run([sys.executable, *healthy[1:]], check=False).returncode == 0
        finally:
            process.terminate()
        assert process.wait(20) == 0
