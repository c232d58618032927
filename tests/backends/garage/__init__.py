"""Tests of `backends.garage`."""
