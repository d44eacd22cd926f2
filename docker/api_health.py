"""Exit with 0 if the API of this container answers, or else print the reason and exit with 1; compose.yaml runs this.

It requests ``/health/live`` and not ``/health/ready``: without Valkey or a worker, the API still serves finished
versions.
"""

import http.client
import sys

_SECONDS = 4.0


def check(host: str = "127.0.0.1", port: int = 8000) -> int:
    """Send one request; return the exit status."""
    # Not urllib: it would use a proxy, which Docker's configuration may have put into the environment.
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", "/health/live")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error}")
        return 1
    finally:
        connection.close()
    print(f"status {status}")
    return 0 if status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(check())
