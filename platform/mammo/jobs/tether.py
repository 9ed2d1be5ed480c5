"""A child process that can't outlive its parent: Linux kills it when the parent dies, however it dies.

Run as a script by `tethered`: it sets PR_SET_PDEATHSIG on itself and becomes the real command. (A preexec_fn
would run Python between fork and exec of a process with threads, which may hang.)
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tethered(command: list[str]) -> list[str]:
    """Return the command line that runs `command` tethered to this process (to the thread that starts it)."""
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), *command]


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies; without effect where there is no prctl."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _main() -> None:
    parent = int(sys.argv[1])
    die_with_parent()
    if os.getppid() != parent:  # it died before the tether held
        os._exit(1)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  (no shell: the arguments are passed as they are)


if __name__ == "__main__":
    _main()
