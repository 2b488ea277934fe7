"""Puts together what an engine needs to know registered documents."""

from collections.abc import Callable
from pathlib import Path

from bff.clock import Clock
from bff.events import Notify
from bff.execution.documents import Document, Documents
from bff.execution.interpreter import Run
from bff.execution.trusted.prepare import Preparation
from bff.execution.trusted.registry import Registry, load
from bff.execution.trusted.source import TrustedSource
from bff.policy.trusted import TrustedDocuments
from bff.store import Store
from bff.store.memory import MemoryStore


class Trust:
    """The registered documents of one process.

    Args:
        policy: Who may run what.
        registry: What is registered, as `registry_of` reads it.
        store: What processes share, or this one's own.
        clock: Tells the time.
        notify: Hears of what is worth knowing.
        near: Where this process keeps what clients have told it; of its own where None.
    """

    def __init__(
        self,
        policy: TrustedDocuments,
        registry: Registry,
        *,
        store: Store,
        clock: Clock,
        notify: Notify,
        near: MemoryStore | None = None,
    ) -> None:
        self.registry = registry
        self.prepared = min(len(self.registry), policy.prepared)
        """How many documents are kept ready besides those that are kept anyway."""
        shared = store if store.shared else None
        self.source = TrustedSource(policy, self.registry, shared=shared, clock=clock, notify=notify, near=near)
        self._clock = clock
        self._notify = notify

    def preparation(self, documents: Documents, run: Run) -> Preparation:
        """Return the work of getting them ready on *documents*, and compiled where *run* compiles."""
        warm: Callable[[Document], None] = getattr(run, "warm", _nothing)
        return Preparation(
            self.registry, documents, warm, most=self.prepared, clock=self._clock, notify=self._notify
        )


def registry_of(policy: TrustedDocuments, policies: Path | None) -> Registry:
    """Return what is registered below the folder *policies*; nothing where *policy* wants none.

    Raises:
        PolicyError: What is registered cannot be read.
    """
    return load(policies) if policies is not None and policy.mode != "off" else Registry()


def _nothing(document: Document) -> None:
    """Compile nothing."""
