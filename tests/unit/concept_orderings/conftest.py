"""How hypothesis runs: no deadline, because tests check what is found and not how fast."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=30)
settings.load_profile("unit")
