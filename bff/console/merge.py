"""Snapshots of several workers as one; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bff.console.live import ERRORS, Snapshots
from bff.console.readings import added, coarse, quantile

EDGES: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds in seconds of the histograms that are drawn."""

_BREAKERS: Final = ("closed", "metrics_only", "disabled", "half_open", "open", "forced_open")
"""From harmless to loud: the loudest of all workers stands for all."""

_HOSTS: Final = ("healthy", "ejected", "unhealthy", "draining", "drained")
_QUANTILES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_MOST_OPERATIONS: Final = 50
_MOST_CLIENTS: Final = 20


def merged(parts: Snapshots, *, missing: Iterable[str] = ()) -> dict[str, Any]:
    """Return what all workers are doing together; workers that are *missing* did not answer."""
    whole = list(parts.values())
    first = whole[0]
    window = max(part["window"] for part in whole)
    names = sorted({name for part in whole for name in part["upstreams"]})
    return {
        "workers": [_worker(number, part) for number, part in sorted(parts.items())],
        "missing": sorted(missing),
        "since": min(part["since"] for part in whole),
        "window": window,
        "totals": _sums(part["totals"] for part in whole),
        "series": _series(part["series"] for part in whole),
        "inFlight": sum(part["inFlight"] for part in whole),
        "edges": EDGES,
        "operations": _operations(whole, first["bounds"]["operation"]),
        "upstreams": [_upstream(name, parts, first["bounds"]["attempt"]) for name in names],
        "limits": _limits(whole),
        "cache": _sums(part["cache"] for part in whole),
        "shared": first["shared"],
        "shed": _rows(part["shed"] for part in whole),
        "documents": _documents(whole),
        "codes": _rows(part["codes"] for part in whole),
        "errors": sorted((one for part in whole for one in part["errors"]), key=_time, reverse=True)[:ERRORS],
    }


def _worker(number: str, part: Mapping[str, Any]) -> dict[str, Any]:
    return {"worker": int(number), **{key: part[key] for key in ("phase", "lagMs", "inFlight", "memory", "since")}}


def _time(error: Mapping[str, Any]) -> str:
    return str(error["time"])


def _sums(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def _rows(parts: Iterable[list[list[Any]]]) -> list[list[Any]]:
    """Return rows of labels and a number, those of equal labels added, the largest first."""
    total: Counter[tuple[str, ...]] = Counter()
    for part in parts:
        for *labels, number in part:
            total[tuple(labels)] += number
    return [[*labels, number] for labels, number in total.most_common()]


def _series(parts: Iterable[list[list[float]]]) -> list[list[float]]:
    seconds: dict[float, list[float]] = {}
    for part in parts:
        for second, *numbers in part:
            known = seconds.get(second)
            both = zip(known, numbers, strict=True) if known else None
            seconds[second] = [one + other for one, other in both] if both else numbers
    return [[second, *numbers] for second, numbers in sorted(seconds.items())]


def _times(bounds: list[float], counts: tuple[int, ...]) -> dict[str, Any]:
    """Return quantiles in milliseconds, and a histogram of few bars."""
    found = {name: quantile(bounds, counts, share) for name, share in _QUANTILES}
    told = {name: None if value is None else round(value * 1000, 1) for name, value in found.items()}
    return {**told, "histogram": coarse(bounds, counts, EDGES)}


def _added(rows: Iterable[Iterable[int]]) -> tuple[int, ...]:
    total: tuple[int, ...] = ()
    for row in rows:
        total = added(total, tuple(row))
    return total


def _operations(parts: list[dict[str, Any]], bounds: list[float]) -> list[dict[str, Any]]:
    found = []
    for name in {name for part in parts for name in part["operations"]}:
        some = [part["operations"][name] for part in parts if name in part["operations"]]
        results = _sums(one["results"] for one in some)
        times = _times(bounds, _added(one["times"] for one in some))
        cost = _sums(one["cost"] for one in some)
        runs = sum(results.values())
        found.append(
            {"name": name, "kind": some[0]["kind"], "runs": runs, "results": results, "cost": cost, **times}
        )
    found.sort(key=lambda one: -one["runs"])
    return found[:_MOST_OPERATIONS]


def _upstream(name: str, parts: Snapshots, bounds: list[float]) -> dict[str, Any]:
    some = {number: part["upstreams"][name] for number, part in parts.items() if name in part["upstreams"]}
    first = next(iter(some.values()))
    return {
        "name": name,
        "alias": first["alias"],
        "counts": _sums(one["counts"] for one in some.values()),
        "series": _series(one["series"] for one in some.values()),
        **_times(bounds, _added(one["times"] for one in some.values())),
        "inFlight": sum(one["inFlight"] for one in some.values()),
        "permits": _sums(one["permits"] for one in some.values()),
        "breakers": [
            {"group": group, **_loudest({number: one["breakers"].get(group) for number, one in some.items()})}
            for group in first["breakers"]
        ],
        "hosts": [
            {"url": url, **_host({number: one["hosts"].get(url) for number, one in some.items()})}
            for url in first["hosts"]
        ],
    }


def _loudest(by_worker: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return the state that most needs a look, and the workers that are in another one."""
    known = {number: one for number, one in by_worker.items() if one}
    loudest = max(known, key=lambda number: _BREAKERS.index(known[number]["state"]))
    state = known[loudest]["state"]
    others = [int(number) for number, one in known.items() if one["state"] != state]
    calls = sum(one["calls"] for one in known.values())
    return {**known[loudest], "calls": calls, "otherwise": others}


def _host(by_worker: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    known = {number: one for number, one in by_worker.items() if one}
    loudest = max(known, key=lambda number: _HOSTS.index(known[number]["state"]))
    state = known[loudest]["state"]
    return {
        **known[loudest],
        "inFlight": sum(one["inFlight"] for one in known.values()),
        "otherwise": [int(number) for number, one in known.items() if one["state"] != state],
    }


def _limits(parts: list[dict[str, Any]]) -> dict[str, Any]:
    clients = _rows(
        [[one["client"], one["version"], one["requests"]] for one in part["limits"]["clients"]] for part in parts
    )
    refused = _rows(
        [
            [one[key] for key in ("policy", "limit", "decision", "counted", "requests")]
            for one in part["limits"]["limits"]
        ]
        for part in parts
    )
    return {
        "enabled": any(part["limited"] for part in parts),
        "clients": clients[:_MOST_CLIENTS],
        "exceeded": refused[:_MOST_CLIENTS],
        "turnedAway": _sums(part["limits"]["turnedAway"] for part in parts),
        "storeErrors": sum(part["limits"]["storeErrors"] for part in parts),
        "degraded": any(part["limits"]["degraded"] for part in parts),
    }


def _documents(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the documents of one worker, the furthest behind: each keeps its own."""
    behind: dict[str, Any] = min((part["documents"] for part in parts), key=lambda one: one["prepared"])
    return behind
