"""What can be done to a call, and how people write it.

`slow(2s)`, `slow(1s-3s)`, `503` or another status, `hang`, `reset`, `garbage`. The kinds are those of
`bff.testing.fault_kinds` that make sense from our side of the wire.
"""

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from random import Random
from typing import Final, Literal

from bff.clock import Clock
from bff.policy.problem import Refused
from bff.policy.units import format_duration, parse_duration
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome, classify

Kind = Literal["latency", "status", "hang_before_headers", "reset_before_response", "malformed_json"]

FORMS: Final = "slow(2s), slow(1s-3s), 503 or another status from 400 to 599, hang, reset, garbage"
"""What may be written, for messages."""

_SLOW = re.compile(r"slow\(([^()-]+)(?:-([^()-]+))?\)")
_STATUS = re.compile(r"[45][0-9]{2}")
_WORDS: Final[dict[str, Kind]] = {
    "hang": "hang_before_headers",
    "reset": "reset_before_response",
    "garbage": "malformed_json",
}


class BadFault(ValueError):
    """A text that says no fault; the message says what would."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail.

    Attributes:
        kind: As test services call it.
        least: Shortest latency, in seconds.
        most: Longest latency, in seconds.
        status: The HTTP status that the service seems to answer.
    """

    kind: Kind
    least: float = 0.0
    most: float = 0.0
    status: int = 0

    @property
    def reaches(self) -> bool:
        """Whether the service is called all the same."""
        return self.kind == "latency"

    def __str__(self) -> str:
        """Return the fault as one would write it."""
        if self.kind == "status":
            return str(self.status)
        if self.kind == "latency":
            least, most = (format_duration(timedelta(seconds=one)) for one in (self.least, self.most))
            return f"slow({least})" if least == most else f"slow({least}-{most})"
        return next(word for word, kind in _WORDS.items() if kind == self.kind)


def parse_fault(text: str) -> Fault:
    """Return the fault that *text* says.

    Raises:
        BadFault: None, with what may be written.
    """
    text = text.strip()
    if text in _WORDS:
        return Fault(_WORDS[text])
    if _STATUS.fullmatch(text):
        return Fault("status", status=int(text))
    if match := _SLOW.fullmatch(text):
        return _slow(text, match[1], match[2] or match[1])
    near = get_close_matches(text.partition("(")[0], ["slow(2s)", *_WORDS], 1, 0.5)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    raise BadFault(f"{text!r} is no fault. {meant}Faults are {FORMS}.")


def _slow(text: str, first: str, last: str) -> Fault:
    try:
        least, most = (parse_duration(one).total_seconds() for one in (first, last))
    except Refused as error:
        raise BadFault(f"{text!r}: {error}") from None
    if least > most:
        raise BadFault(f"{text!r} begins above its end; write slow({last.strip()}-{first.strip()}).")
    return Fault("latency", least, most)


async def inflict(fault: Fault, clock: Clock, rng: Random) -> None:
    """Do *fault* to the call that is under way; return where it goes on late.

    A fault that hangs does so until somebody's time limit ends it.

    Raises:
        UpstreamError: As if the service had failed.
    """
    if fault.kind == "latency":
        await clock.sleep(rng.uniform(fault.least, fault.most))
    elif fault.kind == "status":
        outcome = classify(fault.status)
        raise UpstreamError(outcome, f"status {fault.status}, injected", status=fault.status)
    elif fault.kind == "hang_before_headers":
        await asyncio.get_running_loop().create_future()
    elif fault.kind == "reset_before_response":
        raise UpstreamError(Outcome.RESET, "connection reset, injected")
    else:
        raise UpstreamError(Outcome.BAD_PAYLOAD, "not JSON, injected")
