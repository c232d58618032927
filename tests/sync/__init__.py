"""Tests of `hooks.sync`."""
