"""Principals for tests: a bearer token that names who one is and what one may do."""
