"""An OpenID provider for development: it gives a token to whoever asks, so it never runs in production."""
