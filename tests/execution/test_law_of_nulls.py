"""Every null that a failure caused has exactly one error with its path, and no error is without a cause.

A schema, a document and the fate of every value are drawn. A reference of a few lines says by the specification's
rule what has to be null and which failures may be told as the reason; the engine must agree.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import count

import pytest
from graphql import build_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bff.context import Deadline
from bff.contract import error_schema
from bff.errors import ErrorDesk
from bff.events import ignore
from bff.execution.compiled import compiled_run_of
from bff.execution.engine import Engine
from bff.execution.messages import GraphQLRequest, Ingress
from bff.execution.strawberry_schema import run_of
from bff.policy.cost import Cost
from bff.policy.model import DocumentLimits, OperationsPolicy
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

DEADLINE = 50.0
DEEPEST = 2
TREES = 4
NAMES = ("a", "b", "c")
POLICY = OperationsPolicy(
    deadline="60s", deadline_max="60s", limits=DocumentLimits(tokens=20_000, aliases=1000), cost=Cost(mode="off")
)
CODES = {
    "null": "INTERNAL_SERVER_ERROR",
    "raises": "INTERNAL_SERVER_ERROR",
    "cancelled": "INTERNAL_SERVER_ERROR",
    "upstream": "UPSTREAM_UNAVAILABLE",
    "hangs": "DEADLINE_EXCEEDED",
}


@dataclass
class Field:
    """A field of every type of the schema; `marks` are "" or "!" from the outermost list to the named type."""

    name: str
    kind: str
    marks: tuple[str, ...]
    style: str

    @property
    def key(self):
        return f"x{self.name}" if self.style == "alias" else self.name

    @property
    def sdl(self):
        text = {"leaf": "Int", "object": "O", "interface": "I", "union": "U"}[self.kind] + self.marks[-1]
        for mark in reversed(self.marks[:-1]):
            text = f"[{text}]{mark}"
        return f"{self.name}: {text}"


@dataclass
class Value:
    """What a resolver or a list item brings: a list, an object, a leaf, or a failure."""

    fate: str = "value"
    delay: float | None = None
    items: list["Value"] | None = None
    fields: dict[str, "Value"] = field(default_factory=dict)
    concrete: str = "O"
    leaf: bool = False


class Later:
    """An awaitable that is no coroutine, so that one in a list which is dropped needs no disposal."""

    def __init__(self, begin):
        self.begin = begin

    def __await__(self):
        return self.begin().__await__()


@st.composite
def cases(draw):
    fields = [
        Field(
            name,
            draw(st.sampled_from(["leaf", "leaf", "object", "interface", "union"])),
            tuple(draw(st.lists(st.sampled_from(["", "!"]), min_size=1, max_size=3))),
            draw(st.sampled_from(["plain", "alias", "inline", "fragment"])),
        )
        for name in NAMES[: draw(st.integers(1, 3))]
    ]

    def object_of(depth):
        return {one.key: value(one, one.marks, depth) for one in fields if one.kind == "leaf" or depth < DEEPEST}

    def value(of, marks, depth, *, item=False):
        delay = draw(st.sampled_from([None, None, 0.0, 1.0, 2.0]))
        fates = ["value"] * 8 + ["null", "raises", "upstream"]
        if delay is not None:
            fates += ["hangs", "cancelled"]
        elif not item:
            fates += ["cancelled"]
        made = Value(draw(st.sampled_from(fates)), delay, leaf=of.kind == "leaf")
        if len(marks) > 1:
            made.items = [value(of, marks[1:], depth, item=True) for _ in range(draw(st.integers(0, 2)))]
        elif of.kind != "leaf":
            made.concrete = "O" if of.kind == "object" else draw(st.sampled_from(["O", "P"]))
            made.fields = object_of(depth + 1)
        return made

    return fields, [Value(fields=object_of(0)) for _ in range(TREES)]


class Reference:
    """Null propagation as the specification words it; `causes` has the failures behind each null."""

    def __init__(self, fields):
        self.fields = fields
        self.causes = {}

    def answer(self, root):
        data, failures = self.object(root, (), 0)
        if failures:
            self.becomes_null((), failures)
            return None
        return data

    def becomes_null(self, at, failures):
        self.causes = {null: why for null, why in self.causes.items() if null[: len(at)] != at}
        self.causes[at] = failures

    def object(self, parent, path, depth):
        data, failures = {}, {}
        for one in self.fields:
            if one.key in parent.fields:
                data[one.key], failed = self.complete(
                    parent.fields[one.key], one, one.marks, (*path, one.key), depth
                )
                failures |= failed
        return (None, failures) if failures else (data, {})

    def complete(self, value, of, marks, path, depth):
        data, failures = self.inner(value, of, marks, path, depth)
        if data is None and marks[0]:
            return None, failures or {path: "null"}
        if failures:
            self.becomes_null(path, failures)
        return data, {}

    def inner(self, value, of, marks, path, depth):
        if value.fate != "value":
            return None, {} if value.fate == "null" else {path: value.fate}
        if value.items is not None:
            data, failures = [], {}
            for index, item in enumerate(value.items):
                completed, failed = self.complete(item, of, marks[1:], (*path, index), depth)
                data.append(completed)
                failures |= failed
            return (None, failures) if failures else (data, {})
        if of.kind == "leaf":
            return 1, {}
        data, failures = self.object(value, path, depth + 1)
        return (None, failures) if failures else ({"__typename": value.concrete, **data}, {})


def document(fields):
    fragments = []

    def selection(depth, parent):
        parts = ["__typename"] if depth else []
        for one in fields:
            if one.kind != "leaf" and depth == DEEPEST:
                continue
            text = one.name if one.key == one.name else f"{one.key}: {one.name}"
            if one.kind != "leaf":
                text += " " + selection(depth + 1, one.kind)
            on = "I" if depth else "Query"
            if one.style == "fragment":
                fragments.append(f"fragment F{one.name}{depth} on {on} {{ {text} }}")
                text = f"...F{one.name}{depth}"
            elif one.style == "inline" or parent == "union":
                text = f"... on {on} {{ {text} }}"
            parts.append(text)
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    body = selection(0, "")
    return " ".join([body, *dict.fromkeys(fragments)])


class Giver:
    """Gives out values as resolvers and lists do: at once or later, or not at all."""

    def __init__(self, clock):
        self.clock = clock

    def field(self, value):
        return self.at_once(value) if value.delay is None else self.later(value)

    def item(self, value):
        if value.delay is not None:
            return Later(lambda: self.later(value))
        return self.failure(value) or self.content(value)

    def at_once(self, value):
        if error := self.failure(value):
            raise error
        return self.content(value)

    async def later(self, value):
        await self.clock.sleep(100 if value.fate == "hangs" else value.delay)
        return self.at_once(value)

    def failure(self, value):
        return {
            "raises": ValueError("a bug"),
            "upstream": UpstreamError(Outcome.CONNECT, "no route", upstream="catalog"),
            "cancelled": asyncio.CancelledError(),
        }.get(value.fate)

    def content(self, value):
        if value.fate == "null":
            return None
        if value.items is not None:
            return [self.item(item) for item in value.items]
        return 1 if value.leaf else value


def executable(fields, root_of, clock):
    sdl = " ".join(one.sdl for one in fields)
    schema = build_schema(
        f"type Query {{ {sdl} }} interface I {{ {sdl} }} union U = O | P "
        f"type O implements I {{ {sdl} }} type P implements I {{ {sdl} }}"
    )

    give = Giver(clock)

    def resolve(parent, info):
        return give.field((parent or root_of(info)).fields[info.path.key])

    for kind in ("Query", "O", "P"):
        for one in schema.type_map[kind].fields.values():
            one.resolve = resolve
    for kind in ("I", "U"):
        schema.type_map[kind].resolve_type = lambda value, *_: value.concrete
    return schema


def run(fields, roots, run_of_schema):
    ids = count()

    async def ask():
        clock = VirtualClock(turns=80)
        desk = ErrorDesk(ignore, new_id=lambda: str(next(ids)), alias=str, max_errors=1000)
        schema = executable(fields, lambda info: roots[int(info.context.operation.request_id)], clock)
        engine = Engine(
            schema,
            None,
            POLICY,
            desk=desk,
            clock=clock,
            notify=ignore,
            run=run_of_schema(schema, hide_suggestions=True),
        )
        before = asyncio.all_tasks()
        answers = []
        for number in range(len(roots)):
            ingress = Ingress(str(number), Deadline.after(DEADLINE, clock))
            answers.append(await clock.run(engine.execute(GraphQLRequest(document(fields)), ingress)))
            assert asyncio.all_tasks() - before == set(), "nothing outlives the operation"
        engine.documents.close()
        return answers

    return asyncio.run(ask())


def check(fields, root, answer):
    reference = Reference(fields)
    assert answer.body["data"] == reference.answer(root)
    told = {tuple(error["path"]): error["extensions"]["code"] for error in answer.body.get("errors", ())}
    assert len(told) == len(answer.body.get("errors", ())), "one path, one error"
    unexplained = dict(told)
    for null, failures in reference.causes.items():
        reasons = [path for path in failures if path in told]
        assert len(reasons) == 1, f"{null or 'data'} is null for {len(reasons)} reasons: {told}"
        assert told[reasons[0]] == CODES[failures[reasons[0]]]
        del unexplained[reasons[0]]
    assert not unexplained, "no error without a cause"
    CONTRACT.validate(answer.body)


CONTRACT = Draft202012Validator(error_schema())


@pytest.mark.parametrize(
    ("executor", "examples"),
    [pytest.param(compiled_run_of, 500, id="compiled"), pytest.param(run_of, 125, id="interpreted")],
)
def test_nulls_and_errors_explain_each_other(executor, examples):
    """Schemas with four trees of values each: 2,000 cases for the executor that serves, 500 for the way back."""

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(cases())
    def holds(case):
        fields, roots = case
        for root, answer in zip(roots, run(fields, roots, executor), strict=True):
            check(fields, root, answer)

    holds()
