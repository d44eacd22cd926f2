"""Hypothesis' profile for these tests: no deadline, because they check results and not speed."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=30)
settings.load_profile("unit")
