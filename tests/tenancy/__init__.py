"""Tests of `hooks.tenancy`."""
