"""The console over whichever generation is in force."""

from bff.console.assemble import ConsoleParts
from bff.console.live import InForce
from bff.console.live import Process as Seen
from bff.generations.front import Front
from bff.generations.process import Process


def console_of(process: Process, front: Front) -> ConsoleParts:
    """Return the console of *process*, which shows and steers what *front* hands requests to."""

    def in_force() -> InForce:
        now = front.generation
        auth = now.callers.auth
        known = auth.authenticator if auth is not None else None
        return InForce(now.policies, now.upstreams, known, now.documents, now.preparation)

    seen = Seen(
        process.telemetry.metrics,
        process.telemetry.errors,
        process.usage,
        process.lifecycle,
        process.entries,
        process.store,
        process.clock,
        process.settings.development,
    )
    return ConsoleParts(
        seen,
        in_force,
        process.audit,
        assets=process.assets,
        colleagues=process.colleagues,
        notify=process.notify,
    )
