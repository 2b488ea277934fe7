"""The harness's own Strawberry application, unchanged: schema, context getter and lifespan of its router.

It is found beside the harness, with the packages that it needs; this engine's own come first.
"""

import os
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore", DeprecationWarning)
sys.path.append(os.environ["PEERS"])
sys.path += map(str, Path(os.environ["PEERS_VENV"]).glob("lib/python*/site-packages"))

from strawberry_app import context, lifespan, schema  # noqa: E402 - found only now

__all__ = ["context", "lifespan", "schema"]
