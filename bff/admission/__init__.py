"""May this run now: limits by address, client, user, operation and cost, how many at once, which app versions."""
