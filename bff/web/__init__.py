"""GraphiQL, bundled: `dist/` is what the build wrote."""
