"""The HTTP service: checks requests, hands jobs to workers, serves finished stream versions."""
