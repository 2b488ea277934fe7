"""The process that `bff dev` serves with: ended and started anew, on sockets that stay open in between."""

import contextlib
import multiprocessing
import select
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from bff.cli.output import UNUSABLE, Unusable
from bff.settings import Settings, SettingsError, load_schema

_HURRY_AFTER = 0.5
_STOP_LIMIT = 5.0
_PATIENCE = 0.5
_SORRY = b"The application cannot be served: the terminal of `bff dev` says why. Mend it, and ask again.\n"
_CANNOT_SERVE = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncache-control: no-store\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(_SORRY), _SORRY)
)


class DevServer:
    """The process that serves, one after the other on the same sockets.

    Args:
        settings: Reads the settings anew.
        hints: What to try; told when the first process is ready.
    """

    def __init__(self, settings: Callable[[], Settings], hints: str) -> None:
        self._settings = settings
        self._hints = hints
        self._sockets: list[socket.socket] = []
        self._process: SpawnProcess | None = None
        self._line: Connection | None = None  # the process ends when our end of it is closed
        self._ready = self._greeted = False
        self._why, self._began = "", 0.0

    @property
    def serves(self) -> bool:
        """Whether its process runs, as far as is known."""
        return self._process is not None

    def bind(self, settings: Settings) -> None:
        """Listen; whoever connects while no process serves waits for the next one.

        Raises:
            Unusable: A port is taken.
        """
        from bff.server.run import Address  # noqa: PLC0415 - slow to import

        for address in (Address(settings.host, settings.port), Address(settings.admin_host, settings.admin_port)):
            try:
                self._sockets.append(address.bind())
            except OSError as error:
                place = f"{address.host}:{address.port}"
                raise Unusable(f"cannot listen on {place}: {error.strerror}; --port and --admin-port") from error

    def start(self, why: str) -> None:
        """Start a process because of *why*; settings that cannot be used are told instead."""
        self._why, self._began = why, time.monotonic()
        try:
            settings = self._settings()
        except Unusable as error:
            tell(f"{error}\nWaiting for a change.", "yellow")
            return
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._ready = False
        arguments = (settings, self._sockets, theirs)
        self._process = context.Process(target=_serve, args=arguments, name="bff dev")
        self._process.start()
        theirs.close()

    def look(self) -> None:
        """Tell when the process has become ready, or has ended by itself."""
        with contextlib.suppress(EOFError):
            if not self._ready and self._line is not None and self._line.poll():
                self._line.recv()
                self._ready = True
                self._greet()
        if self._process is not None and not self._process.is_alive():
            code, self._process = self._process.exitcode, None
            self._hang_up()
            said = "" if code == UNUSABLE else f"The server has ended with exit code {code}. "
            tell(f"{said}Waiting for a change.", "yellow")
        if self._process is None:
            self._turn_away()

    def stop(self) -> None:
        """End the process; what is in flight has half a second."""
        process, self._process = self._process, None
        if process is not None:
            for patience in (_HURRY_AFTER, _STOP_LIMIT):
                process.terminate()
                process.join(patience)
            process.kill()
            process.join()
        self._hang_up()

    def close(self) -> None:
        """End the process and stop listening."""
        self.stop()
        for one in self._sockets:
            one.close()

    def _turn_away(self) -> None:
        """Answer who has connected while nothing can be served, so that nobody waits for the next change."""
        waiting, _, _ = select.select(self._sockets, [], [], 0)
        for listening in waiting:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.settimeout(_PATIENCE)
                    connection.recv(65536)
                    connection.sendall(_CANNOT_SERVE)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):  # a close with unread bytes would take the answer back
                        pass

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _greet(self) -> None:
        seconds = time.monotonic() - self._began
        if self._greeted:
            tell(f"Serving again after {seconds:.1f} s: {self._why}", "green")
            return
        self._greeted = True
        public, admin = (
            f"http://{host}:{port}" for host, port, *_ in (one.getsockname() for one in self._sockets)
        )
        tell(f"bff is ready: {public}/graphql (admin: {admin})", "green")
        pages = f"GraphiQL and your operations:  {public}/graphql"
        if "{admin}" not in self._hints:
            pages += f"\nConsole, to watch and steer:   {admin}/console"
        tell(f"{pages}\n{self._hints.replace('{admin}', admin)}\nCtrl+C ends everything.")


def tell(text: str, style: str = "") -> None:
    """Print *text* for the person at the terminal."""
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415

    Console(highlight=False, soft_wrap=True).print(Text(text, style))


def _serve(settings: Settings, sockets: list[socket.socket], line: Connection) -> None:
    """Be the process that serves."""
    from bff.app import build, operations_of  # noqa: PLC0415 - after what may fail because of the application
    from bff.cli.serve import checked  # noqa: PLC0415
    from bff.server.run import run  # noqa: PLC0415

    try:
        load_schema(settings.schema_name)
        policy = operations_of(checked(settings), development=True).drain
        code = run(
            partial(build, settings), sockets, policy, partial(line.send, "ready"), supervisor=line.fileno()
        )
    except Unusable as error:
        tell(str(error), "red")
        code = UNUSABLE
    except SettingsError as error:
        _show(error.__cause__)
        tell(str(error), "red")
        code = UNUSABLE
    except Exception as error:  # noqa: BLE001 - what an application's modules raise when they are imported
        _show(error)
        code = UNUSABLE
    sys.exit(code)


def _show(error: BaseException | None) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import

    from bff.telemetry.terminal import readable  # noqa: PLC0415

    if error is not None:
        Console(stderr=True).print(readable(error))
