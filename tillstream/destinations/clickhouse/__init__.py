"""ClickHouse, in process (chDB) or as a server: bronze, mirror and links."""
