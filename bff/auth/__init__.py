"""Who is calling: access tokens, API keys, and what binds a token to its holder."""
