"""Forms of datasets other than plain Parquet: what belongs together is decided by its rows and rewritten by one mask.

Each form reads links and digests of its rows in order, and writes all its files again with the rows that stay.
"""
