"""How late this machine is: what a bound in milliseconds has to allow for when others use the processors too."""

import threading
import time
from contextlib import contextmanager

_STEP = 0.005


class Lateness:
    """Sleeps five milliseconds again and again and notes by how much it overslept."""

    def __init__(self):
        self._seen = [0.0]
        self._over = threading.Event()

    @property
    def ms(self):
        """Three times the p99, for a request passes three processes that may each be late."""
        return 3000 * sorted(self._seen)[int((len(self._seen) - 1) * 0.99)]

    def watch(self):
        while not self._over.is_set():
            due = time.monotonic() + _STEP
            self._over.wait(_STEP)
            self._seen.append(time.monotonic() - due)

    def stop(self):
        self._over.set()


@contextmanager
def machine():
    """Give a `Lateness` that watches until the end of the block."""
    lateness = Lateness()
    watcher = threading.Thread(target=lateness.watch, daemon=True)
    watcher.start()
    try:
        yield lateness
    finally:
        lateness.stop()
        watcher.join()
