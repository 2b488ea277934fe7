"""What is kept of services' answers: the decisions of RFC 9111 for a shared cache, and the tiers that hold entries."""
