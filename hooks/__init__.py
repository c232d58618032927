"""The Metacontroller hook server: what Kubernetes talks to."""

__version__ = "0.1.0"  # x-release-please-version
