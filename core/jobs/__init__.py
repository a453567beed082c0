"""The durable queue: jobs are rows of `core.jobs`, written in the same transaction as the data they follow from."""
