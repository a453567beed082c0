"""The guest book's own history."""
