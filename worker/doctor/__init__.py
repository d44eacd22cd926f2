"""``concept-orderings doctor``: what is configured, reachable, full or old, and what to do about it.

Each file examines one thing and yields findings; `examination.examine` runs them all. Nothing is changed, but for a
small object that is written to the store to see that it takes writes, and removed.
"""
