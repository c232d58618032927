"""``python -m hooks`` is the same as the ``s3-resource-operator`` command."""

from hooks.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
