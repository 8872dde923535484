"""PostgreSQL by logical replication: a snapshot, then the log, with no gap and no overlap."""
