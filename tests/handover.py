"""Hand a command over to the process of `tests/preloaded.py`, and learn how it ended.

As a program, `python -I -S tests/handover.py SOCKET [ARGUMENT...]` stands in scripts for
`identity-reconciler`: the command gets its directory, its environment and its files. It takes
20 ms; therefore this module imports next to nothing.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

_FILES = 3
"""Standard input, output, and error."""


@contextmanager
def handed_over(
    path: str,
    arguments: Sequence[str],
    directory: str,
    environment: Mapping[bytes, bytes],
    files: Sequence[int],
) -> Iterator[socket.socket]:
    """Yield the connection on which the end of a command is told that is under way."""
    words = [os.fsencode(directory), b"%d" % len(arguments), *map(os.fsencode, arguments)]
    variables = [name + b"=" + value for name, value in environment.items()]
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [b"."], files)
        server.sendall(b"\0".join([*words, *variables]))
        server.shutdown(socket.SHUT_WR)
        yield server


def process_of(server: socket.socket) -> int:
    """Return the identifier of the process that runs the command; to be asked first, and once."""
    return _number(server)


def exit_code(server: socket.socket) -> int:
    """Wait for the end of the command and return its exit code, negative for a signal."""
    return _number(server)


def _number(server: socket.socket) -> int:
    told = b""
    while not told.endswith(b"\n"):
        byte = server.recv(1)
        assert byte, "the process that runs commands has ended"
        told += byte
    return int(told)


def received(client: socket.socket) -> tuple[list[str], str, dict[bytes, bytes], list[int]]:
    """Return what `handed_over` was given, on the other side."""
    _, files, _, _ = socket.recv_fds(client, 1, _FILES)
    with client.makefile("rb") as rest:
        directory, number, *others = rest.read().split(b"\0")
    arguments, variables = others[: int(number)], others[int(number) :]
    pairs = (variable.partition(b"=") for variable in variables)
    environment = {name: value for name, _, value in pairs}
    return [os.fsdecode(word) for word in arguments], os.fsdecode(directory), environment, files


if __name__ == "__main__":
    with handed_over(sys.argv[1], sys.argv[2:], os.getcwd(), os.environb, range(_FILES)) as asked:  # noqa: PTH109
        process_of(asked)
        code = exit_code(asked)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
