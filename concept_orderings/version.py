"""The software's version, as pyproject.toml has it and manifests quote it."""

__version__ = "0.1.0"
