"""The OpenAPI document against the server that publishes it: `python -m tests.conformance`."""
