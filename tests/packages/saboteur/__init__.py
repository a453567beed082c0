"""A plugin that fails in every way a plugin can, where and when it is told to."""
