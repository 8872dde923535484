"""The demo store that lives: its server, its schema, its people and what they do."""
