"""The domains, one folder each, all furnished alike."""
