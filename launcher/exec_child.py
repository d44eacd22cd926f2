"""Prepare a child process, then replace it by the program that it was started for.

The supervisor starts each child through this script. It does what must happen in the child before the program runs;
Python cannot do that safely between fork and exec. It is run by its path and without site packages, which takes a few
milliseconds.

Usage: ``exec_child.py SUPERVISOR_PID SIGNAL LOCK_FILE PROGRAM ARGUMENTS...``; an empty LOCK_FILE means none
"""

import contextlib
import ctypes
import fcntl
import os
import sys

PR_SET_PDEATHSIG = 1


def end_with_supervisor(supervisor: int, number: int) -> None:
    """Have the kernel send signal `number` to this process when the supervisor dies, even by SIGKILL. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != supervisor:
        # It died before the kernel knew of the request.
        sys.exit("The supervisor is gone.")


def lock(path: str) -> None:
    """Lock the file and write this process id into it; the program inherits the lock and holds it while it lives."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"Another process holds {path}.")
    # Of one width, so that the new id takes the place of the old one: a full disk has no room for more. Without an id
    # the file is locked all the same.
    with contextlib.suppress(OSError):
        os.write(file, f"{os.getpid():010d}".encode())
    os.set_inheritable(file, True)


def main(arguments: list[str]) -> None:
    """Prepare this process and replace it by the program."""
    supervisor, number, lock_file, *command = arguments
    end_with_supervisor(int(supervisor), int(number))
    if lock_file:
        lock(lock_file)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
