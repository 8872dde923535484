"""How batches travel from a source to a destination."""
