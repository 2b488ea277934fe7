"""`python -m bff.auth.development`: the issuer of ./pyproject.toml, until SIGTERM or SIGINT."""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from bff.auth.development.app import open_issuer
from bff.auth.development.model import IssuerConfig
from bff.auth.development.read import read_issuer
from bff.auth.development.refused import NotForProduction
from bff.clock import SystemClock
from bff.settings import Settings, SettingsError

HOST = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bff.auth.development", description=__doc__)
    parser.add_argument(
        "--port", type=int, help="the one of [tool.bff.demo.issuer] by default; 0 takes a free one"
    )
    given = parser.parse_args(arguments)
    try:
        config = read_issuer(Path.cwd()) or IssuerConfig()
        development = Settings.gather({}, environ=os.environ).development
        listener = socket.create_server((HOST, config.port if given.port is None else given.port))
        port = listener.getsockname()[1]
        app = open_issuer(config, development=development, host=HOST, port=port, clock=SystemClock())
    except (SettingsError, NotForProduction, OSError) as error:
        sys.stderr.write(f"the development issuer does not start: {error}\n")
        return 1
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning", server_header=False))
    sys.stdout.write(f"issuer listens on http://{HOST}:{port}\n")
    sys.stdout.flush()
    server.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
