"""Runs GraphQL operations: documents in, whole or partial answers out."""
