"""The requests and answers of the stub control plane."""
