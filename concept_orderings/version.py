"""The version of this software: that of pyproject.toml, which manifests quote."""

__version__ = "0.2.0"
