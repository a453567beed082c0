"""The storage port's adapters: PostgreSQL somewhere, and a PostgreSQL of our own on this machine."""
