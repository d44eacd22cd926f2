"""The one-command run: Valkey, the worker and the API, started, watched and stopped together."""

from launcher.run import serve

__all__ = ["serve"]
