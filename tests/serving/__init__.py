"""Tests of `hooks.serving`."""
