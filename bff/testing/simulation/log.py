"""What happened in a simulated world, in order; two runs of one seed have the same log to the last byte."""

import hashlib
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from bff.events import Event

_CHUNK = 4096


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all records.

    Attributes:
        at: Virtual moment in seconds.
        service: Whom it is about.
    """

    at: float
    service: str


class Began(Record, frozen=True, tag="began"):
    """A client of replica `replica` made call `call`, which must end by `until`."""

    replica: int
    call: int
    until: float
    safe: bool
    keyed: bool


class Ended(Record, frozen=True, tag="ended"):
    """A call ended; `outcome` is a name of `bff.upstream.outcome.Outcome`."""

    replica: int
    call: int
    outcome: str
    phase: str | None


class Sent(Record, frozen=True, tag="sent"):
    """A replica's transport was given a request; `running` counts those it had under way, this one included."""

    replica: int
    call: int
    host: int
    attempt: int
    running: int


class Acted(Record, frozen=True, tag="acted"):
    """The service did what the call asks for."""

    host: int
    call: int


class Told(Record, frozen=True, tag="told"):
    """The pipeline of a replica told an event."""

    replica: int
    event: Event


class Struck(Record, frozen=True, tag="struck"):
    """A fault began, or ended where `over`."""

    fault: str
    over: bool


R = TypeVar("R", bound=Record)


class Log:
    """All records of one run, in the order in which things happened."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.note = self.records.append

    def of(self, kind: type[R], service: str | None = None) -> Iterator[R]:
        """Yield the records of *kind*, of one service or of all."""
        for record in self.records:
            if type(record) is kind and (service is None or record.service == service):
                yield record

    def digest(self, service: str | None = None) -> str:
        """Return the SHA-256 of the records, of one service or of all."""
        records = self.records if service is None else [each for each in self.records if each.service == service]
        sha = hashlib.sha256()
        encode = msgspec.msgpack.Encoder().encode
        for start in range(0, len(records), _CHUNK):
            sha.update(encode(records[start : start + _CHUNK]))
        return sha.hexdigest()
