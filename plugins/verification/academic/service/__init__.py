"""The use cases of academic admission."""
