"""Tests of `backends.minio`."""
