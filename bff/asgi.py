"""The public app for another ASGI server: `granian --interface asgi --factory bff.asgi:create`.

`bff serve` is what is recommended: its drain, admin port, workers and watch over slow clients belong to the server
that it runs. Elsewhere the operator's server has to bring what it has of these.
"""

import os

from bff.app import build
from bff.server.ports import ASGIApp
from bff.settings import Settings


def create() -> ASGIApp:
    """Return what `bff serve` would serve on its public port, by `BFF_...` in the environment and `[tool.bff]`.

    Raises:
        SettingsError: One of the settings cannot be used.
        PolicyError: The policies are not valid.
    """
    return build(Settings.gather({}, environ=os.environ)).app
