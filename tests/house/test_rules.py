"""Every rule of `tests/rules.txt` is named by a test, in its name or docstring: a failure says what broke."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
RULES = [
    line.split(maxsplit=1) for line in (TESTS / "rules.txt").read_text("utf-8").splitlines() if line[0] != "#"
]
RANGE = re.compile(r"\b([A-Z]{2})-(\d+)(?: to |-)(?:\1-)?(\d+)\b")


@cache
def said():
    """What names and docstrings of tests say, ranges of rules written out."""
    words = []
    for file in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if named and node.name.lower().startswith("test"):
                words.append(f"{node.name} {ast.get_docstring(node) or ''}")
    text = "\n".join(words)
    for family, first, last in RANGE.findall(text):
        text += "".join(f" {family}-{number}" for number in range(int(first), int(last) + 1))
    return text.lower()


@pytest.mark.parametrize("rule", [name for name, _ in RULES])
def test_a_rule_is_named_by_a_test(rule):
    """As `CB-6`, or in a test's name as `cb_6` or `cb6`."""
    family, _, number = rule.lower().rpartition("-")
    spelt = rf"(?<![a-z0-9]){family.replace('-', '[-_]')}[-_]?{number}(?![a-z0-9])"

    assert re.search(spelt, said())


def test_no_rule_is_listed_twice():
    names = [name for name, _ in RULES]

    assert len(names) == len(set(names))
