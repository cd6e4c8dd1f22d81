"""Commands in processes that are forked from one which has imported everything already.

`python -m tests.preloaded SOCKET` is that process. Each connection asks for one command, with the
directory, the environment and the three files that the command is to have (`tests/handover.py`),
and is told which process it is, and how it ended. A command meets what it would meet in a new
process, but for two things; who is after those starts a real one: the modules are there before
they are asked for, and the interpreter has read what it reads at its start (hash seed, locale)
from the environment of the tests. A command that asks for another one is refused.

The process ends when its standard input does, hence with whoever started it, however that ends,
and takes unfinished commands and the socket's directory with it.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import os
import pkgutil
import random
import runpy
import select
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

import identity_reconciler
from tests.command import READ_AT_START
from tests.handover import received

_READ_AT_START = tuple(os.fsencode(name) for name in READ_AT_START)


def preload() -> None:
    """Import what commands may come to import, and read the models of the services."""
    for module in pkgutil.walk_packages(identity_reconciler.__path__, "identity_reconciler."):
        if not module.name.endswith((".__main__", ".pytest_plugin")):
            importlib.import_module(module.name)
    from identity_reconciler.cli.app import command  # noqa: PLC0415
    from identity_reconciler.gateway.wire.clients import make_clients, make_session  # noqa: PLC0415
    from identity_reconciler.gateway.wire.operations import Purpose  # noqa: PLC0415
    from identity_reconciler.sandbox import InstanceDetails, Sandbox  # noqa: PLC0415
    from identity_reconciler.sandbox.responder import Responder  # noqa: PLC0415

    command()
    Responder.strict = True
    region = "us-east-1"
    with Sandbox() as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        clients = make_clients(sandbox.session(), region=region, purpose=Purpose.APPLY)
        for made in (clients, make_clients(make_session(), region=region)):
            made.sso_admin.can_paginate("list_applications")
            made.identity_store.can_paginate("list_users")
        # moto imports a third of itself with the first answer.
        clients.late.sts.get_caller_identity()
        _ = clients.late.account_access, clients.late.organizations


class Server:
    """Starts a process for each connection, and tells what becomes of it."""

    def __init__(self, path: str) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.clients: dict[int, socket.socket] = {}
        """By the process that each of them waits for."""
        self.ended, self._ended = os.pipe()
        """Is written to when a process ends."""
        self.generators = [each for each in gc.get_objects() if isinstance(each, random.Random)]
        """Those of libraries would repeat themselves in every command."""
        os.set_blocking(self._ended, False)
        signal.set_wakeup_fd(self._ended)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # Ctrl-C reaches all processes of a terminal; what becomes of this one is for the parent.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def serve(self) -> None:
        """Answer until standard input ends, and then end what has not ended."""
        watched = [0, self.ended, self.listener.fileno()]
        while True:
            ready, _, _ = select.select(watched, [], [])
            if self.ended in ready:
                os.read(self.ended, 4096)
                self.tell()
            if self.listener.fileno() in ready:
                self.start()
            if 0 in ready:
                break
        Path(self.listener.getsockname()).unlink()
        Path(self.listener.getsockname()).parent.rmdir()
        for pid in self.clients:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def start(self) -> None:
        """Let a new process become what the next connection asks for."""
        client, _ = self.listener.accept()
        pid = os.fork()
        if not pid:
            self.become(client)
        self.clients[pid] = client
        with contextlib.suppress(ConnectionError):
            client.sendall(b"%d\n" % pid)

    def tell(self) -> None:
        """Tell who waits for them how processes ended."""
        for pid in list(self.clients):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with self.clients.pop(pid) as client, contextlib.suppress(ConnectionError):
                    client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))

    def become(self, client: socket.socket) -> NoReturn:
        """Leave everything behind that is the server's, and run a command."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.close(self.ended)
            os.close(self._ended)
            for one in (self.listener, *self.clients.values()):
                one.close()
            for generator in self.generators:
                generator.seed()
            with client:
                asked = received(client)
            code = run(*asked)
        except BaseException:  # noqa: BLE001 - as the interpreter does
            traceback.print_exc()
        finally:
            os._exit(code)


def run(
    arguments: list[str], directory: str, environment: dict[bytes, bytes], files: list[int]
) -> int:
    """Run the program as `python -m identity_reconciler` would, and return its exit code."""
    for standard, given in enumerate(files):
        os.dup2(given, standard)
        os.close(given)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    changed = os.environb.items() ^ environment.items()
    refused = sorted({name for name, _ in changed if name.startswith(_READ_AT_START)})
    assert not refused, f"only a real process reads {refused}: use real_command"
    os.environb.clear()
    os.environb.update(environment)
    time.tzset()
    os.chdir(directory)
    sys.path[0] = directory
    sys.argv[1:] = arguments
    code: object = 0
    try:
        runpy.run_module("identity_reconciler", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()  # noqa: SLF001 - as multiprocessing does where it forks
    sys.stdout.flush()
    assert isinstance(code, int)
    return code


if __name__ == "__main__":
    preload()
    server = Server(sys.argv[1])
    gc.collect()
    gc.freeze()
    print(flush=True)  # noqa: T201 - whoever waits for this can connect now
    server.serve()
