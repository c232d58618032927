"""Tests of `hooks.cluster`."""
