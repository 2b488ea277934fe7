"""The one place that constructs and connects things: the process, its first generation, its ports."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI

from bff.admission.admin import router as client_routes
from bff.console.assemble import ConsoleParts
from bff.console.live import InForce
from bff.console.live import Process as Watched
from bff.generations.admin import Status
from bff.generations.admin import router as reload_routes
from bff.generations.files import Files, operations_of, policies_directory, policies_of
from bff.generations.front import Front
from bff.generations.generation import Generation, open_generation
from bff.generations.process import Process
from bff.generations.reload import Reloads
from bff.generations.snapshot import thawed
from bff.generations.stores import seal_of, shared_store
from bff.policy.watch import Watch, state_of
from bff.server.admin_cache import router as cache_routes
from bff.server.framework import admin_app, instrumented
from bff.server.health import Health, Verdict
from bff.server.run import Service
from bff.settings import Settings
from bff.telemetry.tracing import open_tracing
from bff.upstream.states import states_of

__all__ = ["build", "operations_of", "policies_of", "seal_of", "shared_store"]


def build(settings: Settings, snapshot: bytes | None = None) -> Service:
    """Return what one process serves.

    Args:
        settings: Of the process.
        snapshot: What its colleagues have in force, where it takes the place of one that crashed; the files are
            then read as after any other change.

    Raises:
        SettingsError: The schema cannot be found.
        PolicyError: The policies are not valid; nothing was opened.
    """
    directory = policies_directory(settings)
    known = None if snapshot else state_of(directory)
    files = Files(directory)
    configuration = thawed(snapshot) if snapshot else files.read()
    process = Process(settings, configuration.policies, open_tracing(os.environ))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with process.lifespan(app):
            process.store.start()
            await reloads.start()
            process.laboratory.start()
            console.start()
            if directory is not None and settings.watch:
                watch.start()
            yield
            await ended()

    async def ended() -> None:
        await console.close()
        await watch.close()
        await reloads.close()
        await process.close()

    front = Front(instrumented(process.tracing, lifespan=lifespan), open_generation(process, configuration))

    def swapped(generation: Generation) -> None:
        health.judge_by({**generation.checks, "policies": judged})

    def judged() -> Verdict:
        return "ready" if reloads.failure is None else "degraded"

    reloads = Reloads(process, files, front, swapped)
    watch = Watch(
        lambda: asyncio.to_thread(state_of, files.directory),
        lambda: reloads.begin("files"),
        clock=process.clock,
        known=known,
    )
    status = Status(front, reloads, process.colleagues, lambda: watch.running)

    def services() -> Mapping[str, object]:
        return states_of(front.generation.upstreams, process.telemetry.errors.last_of, process.clock)

    def in_force() -> InForce:
        now = front.generation
        auth = now.callers.auth
        authenticator = auth.authenticator if auth is not None else None
        return InForce(now.policies, now.upstreams, authenticator, now.documents, now.preparation)

    console = ConsoleParts(
        Watched(
            process.telemetry.metrics,
            process.telemetry.errors,
            process.usage,
            process.lifecycle,
            process.entries,
            process.store,
            process.clock,
            settings.development,
        ),
        in_force,
        process.audit,
        assets=process.assets,
        colleagues=process.colleagues,
        notify=process.notify,
    )
    health = Health(process.lifecycle, clock=process.clock, details=status.details, services=services)
    return Service(
        app=front,
        admin=console.around(
            admin_app(
                health,
                process.tracing,
                cache_routes(process.entries, process.store, process.colleagues),
                client_routes(process.usage),
                reload_routes(status, reloads, process.colleagues),
                *process.telemetry.routes(process.colleagues),
                *process.laboratory.routes(lambda: front.generation.upstreams),
                *console.routes,
            )
        ),
        lifecycle=process.lifecycle,
        notify=process.notify,
        colleagues=process.colleagues,
        reload=lambda: reloads.begin("signal"),
        tell=reloads.tell,
    )
