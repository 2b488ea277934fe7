"""What an operation costs: estimated before it runs, counted after, by the same tree (RL-9 to RL-12)."""
