"""The number of file descriptors that this process may have open."""

import resource

_UNLIMITED = 1 << 20
"""What stands for "no limit": a number of descriptors that no setting of this service reaches."""


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open file descriptors to the hard limit, and return it.

    Systems give a soft limit of 1,024 for the sake of programs that use `select` on descriptors; each connection takes
    one. Where the limit cannot be raised, it stays what it is.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _UNLIMITED if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            wanted = soft  # macOS refuses more than its own bound, whatever the hard limit is
    return wanted if soft == resource.RLIM_INFINITY else max(soft, wanted)
