"""Tests of `hooks.contract`."""
