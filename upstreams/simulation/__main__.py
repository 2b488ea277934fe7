"""The command line of the simulated services."""

import argparse
import asyncio
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime

from upstreams.simulation.cluster import MEMBERS, Cluster, StartFailed
from upstreams.simulation.running import DEFAULT_SEED, SERVICES, Options, serve
from upstreams.simulation.world.draw import last_evening

_EXAMPLES = """examples:
  python -m upstreams.simulation catalog --port 9102 --latency 20ms
  python -m upstreams.simulation all
  curl --json '{"kind": "status", "status": 503, "path": "/search"}' http://127.0.0.1:9102/__faults
"""
_LOOK_EVERY = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one service, or all, until SIGTERM or SIGINT; return the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.service == "all" and given.port:
        parser.error("all of them cannot have one port; --port 0 gives each a free one")
    if given.service == "all":
        return _run_all(given)
    ports = SERVICES[given.service].ports
    options = Options(
        name=given.service,
        host=given.host,
        port=ports[0] if given.port is None else given.port,
        seed=given.seed,
        day=given.day,
        latency=given.latency,
        tick=given.tick,
        issuer=given.issuer,
    )
    try:
        asyncio.run(serve(options, _say, end_with_stdin=given.end_with_stdin))
    except OSError as error:
        sys.stderr.write(f"{options.name} cannot listen on {options.host}:{options.port}: {error.strerror}\n")
        return 1
    return 0


def _run_all(given: argparse.Namespace) -> int:
    ended = threading.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: ended.set())
    latency = None if given.latency is None else f"{given.latency}s"
    cluster = Cluster(
        seed=given.seed,
        day=given.day,
        latency=latency,
        tick=f"{given.tick}s",
        ports=MEMBERS if given.port is None else {},
        host=given.host,
        issuer=given.issuer,
    )
    try:
        with cluster:
            for name, line in cluster.lines.items():
                _say(f"{line} pid {cluster.pid(name)}")
            return _watch(cluster, ended)
    except StartFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _watch(cluster: Cluster, ended: threading.Event) -> int:
    """Wait for the end, and say when a service has gone; 1 when all have."""
    gone: set[str] = set()
    while not ended.wait(_LOOK_EVERY):
        for name, code in cluster.exit_codes().items():
            if code is not None and name not in gone:
                gone.add(name)
                _say(f"{name} ended with {code}")
        if len(gone) == len(MEMBERS):
            return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m upstreams.simulation",
        description="Run one service of the food delivery, or all nine processes (catalog has two).",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [*SERVICES, "all"]
    parser.add_argument("service", choices=names, metavar="SERVICE", help=f"one of {', '.join(names)}")
    parser.add_argument("--port", type=int, help="0 for any free one; the service's own by default")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=DEFAULT_SEED, help="number the world follows from (%(default)s)"
    )
    parser.add_argument(
        "--day",
        type=date.fromisoformat,
        default=last_evening(datetime.now(UTC)),
        help="day on whose evening the world is seen (today, or yesterday before 18:30 UTC)",
    )
    parser.add_argument("--latency", type=_duration, help="mean time a request takes (5ms; 30ms for reviews)")
    parser.add_argument(
        "--tick", type=_duration, default="1s", help="time between two events of a stream (%(default)s)"
    )
    parser.add_argument(
        "--issuer",
        metavar="URL",
        default=os.environ.get("SIMULATION_ISSUER"),
        help="whose tokens are needed (SIMULATION_ISSUER); without one, demo-<user id> is taken for a token",
    )
    parser.add_argument("--end-with-stdin", action="store_true", help="end also when stdin is closed")
    return parser


def _duration(text: str) -> float:
    """Return `5ms` or `1.5s` in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 5ms or 1.5s")
    return float(match[1]) / (1000 if match[2] == "ms" else 1)


if __name__ == "__main__":
    sys.exit(main())
