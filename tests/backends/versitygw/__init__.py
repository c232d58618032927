"""Tests of `backends.versitygw`."""
