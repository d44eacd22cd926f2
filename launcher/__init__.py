"""The one-command run: start Valkey, the worker and the API together, watch them and stop them together."""

from launcher.run import serve

__all__ = ["serve"]
