"""The one-command run: start Valkey, the worker and the API, keep them running, and stop them in order."""

from launcher.run import serve

__all__ = ["serve"]
