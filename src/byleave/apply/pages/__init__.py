"""Take rows out of Parquet files page by page: what stays is copied as it is encoded, and no value is decoded that need not be."""
