"""Tests of `backends.wire`."""
