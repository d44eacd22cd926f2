"""The I/O that the service and the worker share: jobs, the queue, caches and stream versions."""
