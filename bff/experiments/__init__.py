"""Faults on purpose: operators' experiments, and developers' own broken services."""
