"""The stub control plane: what this server answers on demand, and what was asked of it."""
