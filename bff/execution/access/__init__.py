"""Who may see or do what: requirements in the schema, decided once for each operation."""
