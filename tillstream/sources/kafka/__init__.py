"""Topics of a Kafka cluster as a source: ours, Debezium's, or plain rows."""
