"""The HTTP contract, one file per resource; each route calls the service and writes the answer."""
