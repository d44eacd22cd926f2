"""The worker: takes jobs from the queue, gathers evidence, arranges, splits and publishes."""
