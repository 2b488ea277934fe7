"""The console: what a running process does, live, and what operators do about it, on the admin port."""
