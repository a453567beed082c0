"""Another plugin, whose jobs want to run while the first plugin's crowd the workers."""
