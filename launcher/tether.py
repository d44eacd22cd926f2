"""Tie this process to its supervisor, then become the program it was started for.

Run as a script, by path and without site packages, so that it costs little: the supervisor starts each child through
it. It does what must happen in the child before the program: code between fork and exec is not safe in Python.

Usage: ``tether.py SUPERVISOR_PID SIGNAL LOCK_FILE PROGRAM ARGUMENTS...``
"""

import ctypes
import fcntl
import os
import sys

PR_SET_PDEATHSIG = 1


def die_with_supervisor(supervisor: int, number: int) -> None:
    """Have the kernel send this signal when the supervisor dies, however it dies. Only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != supervisor:
        # ^ it died before the kernel knew
        sys.exit("The supervisor is gone.")


def hold(path: str) -> None:
    """Lock the file and write our process id into it; the program inherits the lock and holds it while it lives."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"Another process holds {path}.")
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    os.set_inheritable(lock, True)


def main(arguments: list[str]) -> None:
    """Prepare this process and replace it by the program."""
    supervisor, number, lock, *command = arguments
    die_with_supervisor(int(supervisor), int(number))
    hold(lock)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
