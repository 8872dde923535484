"""Store profiles: how a store's own tables become the canonical ones."""
