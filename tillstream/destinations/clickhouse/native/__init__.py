"""SQL by which a ClickHouse server follows a store's topics by itself, with its own Kafka engine."""
