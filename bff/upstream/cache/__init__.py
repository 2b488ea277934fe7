"""What is kept of services' answers: the decisions of RFC 9111 for a shared cache, and where entries are."""
