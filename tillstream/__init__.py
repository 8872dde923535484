"""Real-time analytics for online stores: exact, live, from one install."""

__version__ = "0.1.0"
