"""Fixtures for adopters and for us."""
