"""The live step: what a batch touched, and the signed rows that say what became of it."""
