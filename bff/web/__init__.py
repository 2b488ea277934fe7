"""GraphiQL and the console, bundled: `dist/` is what the build wrote."""
