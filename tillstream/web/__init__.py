"""The page, its events, and the ClickHouse endpoint."""
