"""The first screen of the README is what happens."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def block(language):
    """Return the README's first block in *language*."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


def test_the_shown_query_gets_the_shown_answer_while_reviews_is_down(bff, healed):
    healed.break_with("reviews", {"kind": "status", "status": 503})

    response = bff.ask(block("graphql"))

    answer, shown = response.json(), json.loads(block("json"))
    for error in (*answer["errors"], *shown["errors"]):
        assert re.fullmatch("[0-9a-f]{32}", error["extensions"].pop("errorId"))
    assert response.status_code == 200
    assert answer == shown


def test_every_link_of_a_readme_leads_somewhere():
    broken = []
    for readme in ROOT.rglob("*.md"):
        if {"node_modules", ".venv", ".venv-newer", ".build"} & set(readme.relative_to(ROOT).parts):
            continue
        links = re.findall(r"\]\(([^)#]+)", readme.read_text(encoding="utf-8"))
        lost = [link for link in links if "://" not in link and not (readme.parent / link).exists()]
        broken += [f"{readme.relative_to(ROOT)}: {link}" for link in lost]

    assert broken == []
