"""Marks of tests that need more than the library, whose tests also run where only its wheel is installed."""

from importlib.util import find_spec

import pytest

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
needs_programs = pytest.mark.skipif(find_spec("docket") is None, reason="the programs' libraries are not installed")
