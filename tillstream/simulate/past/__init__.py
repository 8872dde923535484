"""A year that the store has behind it, made all at once."""
