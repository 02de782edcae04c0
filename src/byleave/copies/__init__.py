"""Copies: where claimed pictures stand in the datasets of this catalog. Needs both stores, the catalog and the registry."""
