"""Helpers of the tests, above all real programs: Valkey, the API, the worker."""
