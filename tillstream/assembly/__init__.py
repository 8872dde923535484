"""Puts the parts together: the one place that knows which implementation each setting stands for."""
