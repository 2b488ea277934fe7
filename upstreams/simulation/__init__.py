"""The simulated services of the food delivery: real HTTP processes over one made-up world; see README.md."""
