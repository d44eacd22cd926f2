"""Real programs for the tests to attack: Valkey, the API, the worker."""
