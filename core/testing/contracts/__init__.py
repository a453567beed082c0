"""What every adapter of a port promises, as suites: subclass one, hand it your adapter, and let pytest run it."""
