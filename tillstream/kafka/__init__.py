"""What both sides of a Kafka cluster agree on: the connection, the topics' names, the tables' descriptions."""
