"""A plugin that faults are tried on."""
