"""The use cases of the stub control plane."""
