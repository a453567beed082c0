"""A plugin whose jobs are killed, stopped and frozen by tests, and leave traces of what they did."""
