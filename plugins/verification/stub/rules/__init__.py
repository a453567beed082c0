"""The pure rules of the stub control plane."""
