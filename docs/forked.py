"""The `trader` of a page's shell: a process that is loaded already and forks into the program for whoever asks at its socket.

    python docs/forked.py SOCKET        # says `ready`, serves until its stdin ends

Each command is a process of its own, with the caller's arguments, environment, folder and streams. What it lacks is an import
to wait for; one page is followed with the program started anew (see blocks.py).
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trader_cli.compiler import cache_folder

ROOT = Path(__file__).resolve().parent.parent
CLIENT = """\
import marshal, os, signal, socket, sys

with socket.socket(socket.AF_UNIX) as line:
    line.connect(os.environ["PAGE_PROGRAM"])
    asked = marshal.dumps((sys.argv[1:], dict(os.environ), os.getcwd()))
    socket.send_fds(line, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    line.sendall(asked)
    child = int.from_bytes(line.recv(8), "big")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(child, number))
    code = int.from_bytes(line.recv(8), "big", signed=True)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""
"""What a page's shell starts, without Python's own site: it hands over and waits."""
_shift = [0]


def _set_clocks() -> None:
    """A page is read at one moment, whenever that is done; how far that is from now, each command says."""
    real = time.time_ns
    time.time_ns = lambda: real() + _shift[0]
    time.time = lambda: (real() + _shift[0]) / 1e9


def _attend(line: socket.socket) -> None:
    """Run one command to its end and tell how it ended."""
    from e2e.ready import become

    head, streams, _, _ = socket.recv_fds(line, 8, 3)
    left, body = int.from_bytes(head, "big"), b""
    while len(body) < left:
        body += line.recv(left - len(body))
    words, env, folder = marshal.loads(body)  # noqa: S302 from our own client
    child = os.fork()
    if child == 0:
        line.close()
        _shift[0] = int(env["PAGE_SHIFT_NS"])
        become(words, env, folder, streams)
    with contextlib.suppress(BrokenPipeError):
        line.sendall(child.to_bytes(8, "big"))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        line.sendall(code.to_bytes(8, "big", signed=True))


def serve(path: str) -> None:
    """Fork for everybody who calls."""
    _set_clocks()
    from e2e.ready import load

    load()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while 0 not in (found := select.select([listener.fileno(), 0], [], [], 1.0)[0]):
            if found:
                line, _ = listener.accept()
                if os.fork() == 0:
                    listener.close()
                    try:
                        _attend(line)
                    finally:
                        os._exit(0)
                line.close()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


@contextmanager
def serving() -> Iterator[str]:
    """Give the socket of such a process. Raises RuntimeError where the program cannot be loaded."""
    with tempfile.TemporaryDirectory(prefix="trader-pages-") as folder:
        path = str(Path(folder, "program"))
        inherited = {
            key: value
            for key, value in os.environ.items()
            if key == "TRADER_INTERPRET" or not key.startswith(("TRADER_", "XDG_"))
        }
        cached = {"TRADER_CACHE_DIR": str(cache_folder().parents[1])}
        with subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**inherited, **cached, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        ) as process:  # fmt: skip
            # The server ends when its stdin does, however this process ends.
            if process.stdout is None or process.stdin is None or process.stdout.readline() != "ready\n":
                raise RuntimeError("the program could not be loaded")
            yield path
            process.stdin.close()


if __name__ == "__main__":
    serve(sys.argv[1])
