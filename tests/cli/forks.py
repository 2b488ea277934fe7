"""A process that has imported what commands need, and forks for each: a command takes 50 ms instead of a second.

Arguments, folder, environment, streams and exit code of a command are those of a process of its own, which it is.
"""

import gc
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

PRELOADED = (
    "bff.app",
    "bff.cli.app",
    "bff.cli.check",
    "bff.explain",
    "rich.table",
    "uvicorn.protocols.http.httptools_impl",
)
PATIENCE = 60
_MESSAGE = 1 << 17


class Forks:
    """Runs commands.

    Args:
        environment: Of the process that forks.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], env=environment
            )
        ours.settimeout(PATIENCE)
        self._line = ours

    def run(
        self, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run `bff` with *arguments* in *folder*, and return what it said."""
        message = json.dumps([arguments, str(folder), environment]).encode()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            socket.send_fds(self._line, [message], [out.fileno(), err.fileno()])
            code = int(self._line.recv(_MESSAGE))
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode())
        return subprocess.CompletedProcess(arguments, code, *said)

    def close(self) -> None:
        """End the process."""
        self._line.close()
        self._process.wait(PATIENCE)


def next_command(line: socket.socket) -> list[str]:
    """Fork for each command that comes over *line*; return its arguments, in the child that is to run it."""
    while True:
        message, files, _, _ = socket.recv_fds(line, _MESSAGE, 2)
        if not message:
            sys.exit()
        child = os.fork()
        if not child:
            line.close()
            arguments, folder, environment = json.loads(message)
            for file, stream in zip(files, (1, 2), strict=True):
                os.dup2(file, stream)
                os.close(file)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            return arguments
        for file in files:
            os.close(file)
        line.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()
    run = importlib.import_module("bff.cli.app").run
    ended = run(next_command(socket.socket(fileno=int(sys.argv[1]))))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended)  # taking a thousand modules apart takes longer than the command
