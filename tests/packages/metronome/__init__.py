"""A plugin with a schedule."""
