"""Proof that the numbers are right, and a place for what is not."""
