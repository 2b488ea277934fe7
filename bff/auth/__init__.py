"""Who is calling: tokens, keys, sessions."""
