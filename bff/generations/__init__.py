"""Policies in force, and how others take their place without a restart."""
