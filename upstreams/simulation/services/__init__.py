"""The eight services; each module offers `app(world, outside)`, which makes its service."""
