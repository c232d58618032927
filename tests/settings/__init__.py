"""Tests of `hooks.settings`."""
