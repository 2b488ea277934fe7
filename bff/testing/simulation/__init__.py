"""The upstream pipeline in a simulated world: virtual time, seeded chance, laws that every run must keep."""
