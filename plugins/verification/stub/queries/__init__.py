"""The compiled statements of the stub control plane."""
