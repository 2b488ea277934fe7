"""Registered documents get ready after the start, beside the requests."""

import asyncio
import time

import pytest
from graphql import build_schema

from bff.clock import SystemClock
from bff.events import DocumentsPrepared, DocumentUnusable
from bff.execution.compiled import compiled_run_of
from bff.execution.documents import Documents
from bff.execution.trusted.manifest import Manifest, Registered
from bff.execution.trusted.prepare import Preparation
from bff.execution.trusted.registry import Registry
from bff.policy.model import OperationsPolicy

SDL = "type Query { node: Node } type Node { a: Int b: Int c: Int next: Node }"
LIMIT = 0.050


@pytest.fixture
async def prepared():
    """Return a function that makes a preparation of texts, its shelf and what it told."""
    shelves = []

    def make(texts, *, most=10_000, cache=5):
        schema, clock, events = build_schema(SDL), SystemClock(), []
        documents = tuple(Registered(f"d{n}", text, f"N{n}") for n, text in enumerate(texts))
        registry = Registry([Manifest("m.json", documents, "web")])
        policy = OperationsPolicy(document_cache=cache)
        run = compiled_run_of(schema, hide_suggestions=True, registered=len(texts))
        shelf = Documents(schema, policy, clock=clock, registered=len(texts))
        shelves.append(shelf)
        return Preparation(registry, shelf, run.warm, most=most, clock=clock, notify=events.append), shelf, events

    yield make
    for shelf in shelves:
        shelf.close()


async def test_all_of_them_are_kept_however_small_the_cache(prepared):
    work, shelf, events = prepared([f"{{ node {{ a }} }} # {n}" for n in range(30)])

    assert work.check() == "degraded"
    await work.run()

    assert (work.check(), work.done, work.failed, len(shelf)) == ("ready", 30, 0, 30)
    assert [(event.done, event.total) for event in events if isinstance(event, DocumentsPrepared)] == [(30, 30)]


async def test_one_that_does_not_fit_the_schema_is_told_and_the_others_go_on(prepared):
    """A deployment must not fail for a document of an app that nobody uses any more."""
    work, _, events = prepared(["{ node { a } }", "{ gone }", "{ node { b } }"])

    await work.run()

    assert (work.done, work.failed, work.check()) == (3, 1, "ready")
    (unusable,) = [event for event in events if isinstance(event, DocumentUnusable)]
    assert (unusable.id, unusable.name) == ("d1", "N1")
    assert "gone" in unusable.detail


async def test_policy_bounds_how_many(prepared):
    work, shelf, _ = prepared([f"{{ node {{ a }} }} # {n}" for n in range(9)], most=4)

    await work.run()

    assert (work.done, len(shelf), work.check()) == (4, 4, "ready")


async def test_the_loop_is_never_held_up(prepared):
    """The loop's own thread does no more than hand over; what it computes at a time stays far below 50 ms."""
    wide = " ".join(f"n{i}: next {{ a b c next {{ a b c }} }}" for i in range(25))
    work, _, _ = prepared([f"{{ node {{ {wide} }} }} # {n}" for n in range(12)])
    longest, last = 0.0, time.thread_time()
    task = asyncio.create_task(work.run())

    while not task.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now

    assert work.done == 12
    assert longest < LIMIT


async def test_closing_gives_up(prepared):
    work, _, _ = prepared([f"{{ node {{ a }} }} # {n}" for n in range(2000)])
    work.start()
    await asyncio.sleep(0.01)

    await work.close()

    assert work.done < work.total


async def test_nothing_registered_is_ready_at_once(prepared):
    work, _, events = prepared([])
    work.start()

    assert (work.check(), events) == ("ready", [])
    await work.close()
