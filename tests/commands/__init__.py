"""Tests of `hooks.commands`."""
