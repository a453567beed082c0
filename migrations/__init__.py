"""Migration histories, one an owner: `migrations/core` and `migrations/<plugin>`. Run by `core.migrations`."""
