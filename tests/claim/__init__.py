"""Tests of `hooks.claim`."""
