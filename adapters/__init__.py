"""Who provides the ports: `adapters/<port>/<name>.py`, each with `Settings` and `open(settings)`."""
