"""Tests of `hooks.attachments`."""
