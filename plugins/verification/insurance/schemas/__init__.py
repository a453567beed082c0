"""Requests and responses of the insurance routes."""
