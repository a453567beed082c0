"""The use cases about doctors: registering one, asking a primary source, verifying the whole."""
