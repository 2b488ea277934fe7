"""What the guides show is what happens: queries, policies, commands and requests."""

import json
import os
import re
import shlex
from pathlib import Path

import click
import pytest
import typer

from bff.cli.app import build, run
from bff.policy.load import load
from bff.telemetry.reference import page as metrics_page

ROOT = Path(__file__).parents[2]
GUIDES = sorted(path for path in (ROOT / "bff" / "guides").glob("*.md") if path.name != "README.md")
ANSWERED = re.compile(r"(?:<!-- down: (\w+) -->\n)?```graphql\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)
QUERIES = [(guide.stem, *found) for guide in GUIDES for found in ANSWERED.findall(guide.read_text("utf-8"))]
NEEDS_NO_PROCESS = {("explain",), ("check",), ("policies", "show"), ("policies", "diff"), ("schema", "print")}


def blocks(language):
    """Return page and text of each block in *language*."""
    pattern = rf"```{language}\n(.*?)```"
    return [
        (path.stem, text) for path in GUIDES for text in re.findall(pattern, path.read_text("utf-8"), re.DOTALL)
    ]


def commands(program):
    """Return the words of each command line of *program*."""
    lines = [line for _, text in blocks("sh") for line in text.splitlines()]
    assert {line.split()[0] for line in lines} == {"bff", "curl"}
    return [shlex.split(line)[1:] for line in lines if line.startswith(f"{program} ")]


def without_ids(answer):
    for error in answer.get("errors", ()):
        assert re.fullmatch("[0-9a-f]{32}", error["extensions"].pop("errorId"))
    return answer


@pytest.mark.parametrize(("page", "down", "query", "answer"), QUERIES, ids=[page for page, *_ in QUERIES])
def test_a_shown_query_gets_the_shown_answer(bff, healed, page, down, query, answer):
    if down:
        healed.break_with(down, {"kind": "status", "status": 503})

    response = bff.ask(query)

    assert response.status_code == 200
    assert without_ids(response.json()) == without_ids(json.loads(answer))


def test_policies_are_valid_together(tmp_path):
    for page, text in blocks("yaml"):
        named = re.match(r"# policies/(\S+)\n", text)
        assert named, f"{page}: a policy begins with the file that it is"
        file = tmp_path / named[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    load(tmp_path)


def test_commands_that_need_no_process_run(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for name in [name for name in os.environ if name.startswith("BFF_")]:
        monkeypatch.delenv(name)
    ran = 0
    for words in commands("bff"):
        if (words[0],) in NEEDS_NO_PROCESS or tuple(words[:2]) in NEEDS_NO_PROCESS:
            assert run(words) == 0, (words, capsys.readouterr())
            ran += 1

    assert ran > 5


@pytest.mark.parametrize("words", commands("bff"), ids=" ".join)
def test_commands_have_the_options_that_are_shown(words):
    command = typer.main.get_command(build())
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]

    command.make_context("bff", list(words))


def test_requests_are_answered(bff, healed):
    """Ports as in the demo stand for those of this run."""
    moved = {"localhost:8000": bff.url, "localhost:8001": bff.admin, "localhost:9107": healed.urls["reviews"]}
    for words in commands("curl"):
        sent = request_of(words)
        host, slash, path = sent.pop("url").partition("/")
        url = moved[host] + slash + path

        response = bff.client.request(**sent, url=url)

        assert response.is_success, (words, response.text)
        if "graphql" in url:
            answer = response.json()
            assert ("faults" in answer.get("extensions", {})) == ("errors" in answer), response.text


def request_of(words):
    """Return what curl would do with *words*: the options that the guides use, and no others."""
    words, sent = list(words), {"method": None, "headers": {}}
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            sent["headers"][name] = value
        elif word == "--json":
            sent["json"] = json.loads(words.pop(0))
        elif word == "--data-urlencode":
            name, _, value = words.pop(0).partition("=")
            sent.setdefault("params", {})[name] = value
        elif word == "-X":
            sent["method"] = words.pop(0)
        elif word != "-G":
            sent["url"] = word
    sent["method"] = sent["method"] or ("POST" if "json" in sent else "GET")
    return sent


def test_metrics_and_alerts_that_are_named_exist():
    text = "".join(path.read_text("utf-8") for path in GUIDES)
    rules = (ROOT / "docker" / "observability" / "rules" / "bff.yaml").read_text("utf-8")

    metrics, alerts = set(re.findall(r"`(bff_\w+)`", text)), set(re.findall(r"`(Bff\w+)`", text))
    assert metrics
    assert alerts
    assert [name for name in metrics if f"`{name}`" not in metrics_page()] == []
    assert [name for name in alerts if f"alert: {name}\n" not in rules] == []
