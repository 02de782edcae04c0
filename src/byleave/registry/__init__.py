"""The system of record: accounts, claims, claim events and jobs, in PostgreSQL.

Start with :class:`byleave.registry.database.Database`. Importing this package loads nothing heavy.
"""
