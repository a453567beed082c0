"""The framework: composition, the two doors to the database, the durable queue, HTTP, telemetry."""
