"""``python -m hooks`` is the same as the ``s3-resource-operator`` command."""

from hooks.commands.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
