"""Capture's side of Kafka: a store's changes as messages, each exactly once."""
