"""Where changes arrive."""
