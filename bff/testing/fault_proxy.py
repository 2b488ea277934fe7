"""Stands in front of a real service and lets it down: `FaultProxy`, or `python -m bff.testing.fault_proxy`."""

import argparse
import asyncio
import json
import signal
import ssl
import sys
from collections.abc import Sequence
from random import Random
from urllib.parse import urlsplit

from bff.clock import Clock
from bff.testing.control import FAULTS
from bff.testing.faults import BadFault, Fault
from bff.testing.faulty_server import FaultyServer
from bff.testing.forward import Forward
from bff.testing.http_server import Bounds
from bff.upstream.message import Origin


class FaultProxy(FaultyServer):
    """Forwards to a target as faults allow; the control endpoint is on a port of its own, too."""

    def __init__(
        self,
        target: Origin,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int = 0,
        tls: ssl.SSLContext | None = None,
        target_tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        rng: Random | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        """Prepare a proxy; `FaultyServer` says what the other arguments mean.

        Args:
            target: The service behind it.
            host: Address to listen on.
            port: 0 for any free one.
            control_port: Where no fault can cut off the control endpoint; 0 for any free one.
            tls: Makes the proxy itself speak HTTPS.
            target_tls: Whom to trust where the target speaks HTTPS; the system's list if not given.
            clock: Where times come from.
            rng: Where chance comes from.
            bounds: How much of a request is read.
        """
        super().__init__(
            Forward(target, target_tls),
            host=host,
            port=port,
            control_port=control_port,
            tls=tls,
            clock=clock,
            rng=rng,
            bounds=bounds,
            cancel_on_disconnect=True,
        )


def origin_of(url: str) -> Origin:
    """Return the origin that *url* names.

    Raises:
        ValueError: It is not of the form http(s)://host:port.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"{url!r} is not of the form http://host:port")
    return Origin(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))


async def serve(proxy: FaultProxy, target: Origin, stop: asyncio.Event) -> None:
    """Run *proxy* until *stop* is set, having said where it is."""
    async with proxy:
        print(f"{proxy.url} -> {target}   faults: {proxy.control_url}{FAULTS}", flush=True)  # noqa: T201 - a CLI
        await stop.wait()


async def _until_signal(proxy: FaultProxy, target: Origin) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(proxy, target, stop)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a proxy from the command line until it is interrupted; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bff.testing.fault_proxy",
        description="Stand in front of a service and let it down on demand.",
        epilog="""example: --listen 9202 --target http://127.0.0.1:9102 --fault '{"kind": "huge_body"}'""",
    )
    add = parser.add_argument
    add("--listen", type=int, required=True, metavar="PORT", help="port to listen on, loopback only")
    add("--target", required=True, metavar="URL", help="the service behind it: http(s)://host:port")
    add("--control", type=int, default=0, metavar="PORT", help="second port of the control endpoint")
    add("--fault", action="append", default=[], metavar="JSON", help="a fault to begin with; may be repeated")
    add("--seed", type=int, default=0, help="of the chance by which shares are drawn")
    options = parser.parse_args(arguments)
    try:
        target = origin_of(options.target)
        faults = [Fault.from_json(json.loads(text)) for text in options.fault]
    except (ValueError, BadFault) as error:
        parser.error(str(error))
    proxy = FaultProxy(target, port=options.listen, control_port=options.control, rng=Random(options.seed))
    proxy.faults.add(*faults)
    try:
        asyncio.run(_until_signal(proxy, target))
    except OSError as error:
        print(f"cannot listen: {error}", file=sys.stderr)  # noqa: T201 - a CLI
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
