"""Fingerprints of a dataset's pictures in files beside it: one for each shard, row for row, made without server or catalog."""
