"""The routes of the stub control plane: `/api/v1/_stub`."""
