"""Store profiles: which tables a store has, how its rows hang together, what must not leave it."""
