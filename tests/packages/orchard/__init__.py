"""A plugin of the tests of migrations."""
