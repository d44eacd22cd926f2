"""The proxy of compose: a real nginx with ``docker/proxy.conf``, in a test's directory and on a free port."""

import os
import re
import shutil
import socket
from pathlib import Path

import httpx

from support.processes import ROOT, Process
from support.waiting import until

CONFIGURATION = ROOT / "docker" / "proxy.conf"


def find_nginx() -> str | None:
    """Return the path of nginx; None if it is not installed."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


class Proxy:
    """An nginx in front of an API; close it after use."""

    def __init__(self, program: str, directory: Path, api_port: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        (directory / "tmp").mkdir()
        (directory / "cache").mkdir()
        changes = {
            r"\bapi:8000": f"127.0.0.1:{api_port}",
            r"\blisten 8080": f"listen 127.0.0.1:{port}",
            r" /tmp/": f" {directory}/tmp/",
            r" /var/cache/nginx/": f" {directory}/cache/",
            r"\bworker_rlimit_nofile 65536;": "",
            r"\bworker_connections 16384": "worker_connections 512",
            r"\bworker_processes auto": "worker_processes 1",
        }
        text = CONFIGURATION.read_text()
        for pattern, new in changes.items():
            text, found = re.subn(pattern, new, text)
            assert found, pattern
        # A root that started it would be another user in its processes, who cannot enter the directory.
        own = "user root; " if os.getuid() == 0 else ""
        (directory / "nginx.conf").write_text(text)
        command = [program, "-c", f"{directory}/nginx.conf", "-p", str(directory), "-g", f"{own}daemon off;"]
        self.process = Process("nginx", command, {}, directory)
        self.http = httpx.Client(base_url=self.url, timeout=30.0, headers={"Accept-Encoding": "identity"})
        until(self._answers, "nginx answers")

    def _answers(self) -> bool:
        self.process.check()
        try:
            return self.http.get("/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        self.http.close()
        self.process.stop()
