"""Tests of `backends.ceph_rgw`."""
