"""The HTTP contract, one file per resource; each route calls the service and says how its answer looks."""
