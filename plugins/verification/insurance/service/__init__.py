"""The use cases of insurance claims: units of work and ports in, answers out."""
