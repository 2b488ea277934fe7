"""Documents that were registered before they are sent: by whom, and whether others may run (trusted documents)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from bff.policy.base import Count, Policy, Switch
from bff.policy.problem import Clash
from bff.policy.units import Duration


class AutomaticDocuments(Policy):
    """Documents that clients register themselves, by sending text and hash together once (APQ)."""

    enabled: Switch = False
    """Off: a hash that is not registered is answered with PERSISTED_QUERY_NOT_SUPPORTED."""

    ttl: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=365))] = timedelta(days=1)
    """A document is forgotten when it was not registered again for this long."""

    max_documents: Annotated[Count, Field(ge=1, le=1_000_000)] = 1000
    """Kept in each process; the one longest unused makes room. With Redis all processes find what one was told."""


class TrustedDocuments(Policy):
    """Documents that were registered with `bff documents register`, and what happens to all others."""

    mode: Literal["off", "log", "prefer", "only"] = "off"
    """`off` knows no registered documents; the others run them by id. A text that is not registered: `log` runs
    it and tells the log, `prefer` also keeps its answers out of caches, `only` refuses: DOCUMENT_NOT_ALLOWED."""

    adhoc_scopes: frozenset[Annotated[str, Field(min_length=1)]] = frozenset()
    """Whoever has one of these scopes may send any text, also under `only`."""

    id_parameters: tuple[Literal["documentId", "id", "doc_id"], ...] = ("documentId",)
    """Request parameters that hold an id, the first one sent counts; `id` and `doc_id` are what Relay apps use."""

    prepared: Annotated[Count, Field(ge=0, le=100_000)] = 5000
    """Registered documents that each process compiles after its start, a little at a time, before they are asked
    for; one takes about 0.15 MiB. The others work too: the first request for one compiles it."""

    apq: AutomaticDocuments = AutomaticDocuments()
    """Documents that clients register themselves."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse to let clients register documents where only registered ones may run."""
        if self.mode == "only" and self.apq.enabled:
            yield Clash(
                (("apq", "enabled"), ("mode",)),
                "with apq any client registers what it likes, so mode only would keep nobody out",
                "false",
            )
