"""Metrics as text for Prometheus, of one worker or of all workers of a host put together."""

import re
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

_SAMPLE: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{?)")
_END: Final = "# EOF"


def expose(registry: CollectorRegistry, accept: str) -> tuple[str, str]:
    """Return what *registry* counts and its media type: OpenMetrics with exemplars where *accept* asks for it."""
    encode, media_type = choose_encoder(accept)
    return encode(registry).decode(), media_type


def merge(texts: Mapping[int, str]) -> str:
    """Return one text out of those of several workers, by their number, each sample with a label `worker`.

    Lines of one metric stay together, as both formats demand. OpenMetrics stays OpenMetrics.
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for number, text in texts.items():
        family = ""
        for line in text.splitlines():
            if line.startswith("# "):
                if line != _END:
                    family = line.split(" ", 3)[2]
                    known = heads.setdefault(family, [])
                    if line not in known:
                        known.append(line)
            elif line:
                samples.setdefault(family, []).append(_labelled(line, number))
    lines = [line for family, head in heads.items() for line in (*head, *samples.get(family, ()))]
    if any(text.endswith(_END + "\n") for text in texts.values()):
        lines.append(_END)
    return "\n".join(lines) + "\n"


def _labelled(line: str, number: int) -> str:
    name = _SAMPLE.match(line)
    assert name is not None
    rest = line[name.end() :]
    if not name[2]:
        return f'{name[1]}{{worker="{number}"}}{rest}'
    return f'{name[1]}{{worker="{number}",{rest}'
