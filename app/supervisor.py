"""Watches over the processes of `serve --processes N`: starts another when one dies, passes on the signal to stop.

Forking shares memory between the processes, but the parent would keep a third copy of whatever they change. So it becomes this small
program (`exec` keeps its children) and holds nothing of the service: only the standard library is imported here.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import NamedTuple, NoReturn

WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Charge(NamedTuple):
    """What there is to watch."""

    children: dict[int, list[str]]  # process id → the command that starts another in its place


def hold() -> None:
    """Keep the signals for the watcher, also across exec."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)


def release() -> None:
    """A child handles signals itself."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)


def become(charge: Charge) -> NoReturn:
    """Go on as the watcher, in this same process."""
    kept = json.dumps(list(charge.children.items()))
    os.execv(sys.executable, [sys.executable, "-I", "-S", __file__, kept])  # noqa: S606 - our own program


def begin(charge: Charge, command: list[str]) -> None:
    """Start one afresh; it shares no memory with the others."""
    child = os.fork()
    if child == 0:
        release()
        os.execv(command[0], command)  # noqa: S606 - our own program
    charge.children[child] = command


def watch(charge: Charge) -> None:
    """Until the last one has gone."""
    stopping = False
    while charge.children:
        if signal.sigwait(WATCHED) != signal.SIGCHLD:
            stopping = True
            for child in charge.children:
                os.kill(child, signal.SIGTERM)
        for command in _gone(charge):
            if not stopping:
                begin(charge, command)


def _gone(charge: Charge) -> list[list[str]]:
    """The commands of those that have ended since the last look."""
    found = []
    while charge.children:
        child, _status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            break
        if child in charge.children:
            found.append(charge.children.pop(child))
    return found


if __name__ == "__main__":
    watch(Charge(dict(json.loads(sys.argv[1]))))
