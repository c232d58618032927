"""``python -m tests.servers build NAME…``, ``… path NAME`` and ``… newest NAME…``."""

from __future__ import annotations

import argparse
import sys
from subprocess import SubprocessError

from tests.servers.build import build, find, is_dispensable
from tests.servers.recipes import BuildError
from tests.servers.table import SERVERS
from tests.servers.versions import newest, variable


def unasked() -> list[str]:
    """Those that are built for who names none."""
    return [name for name, server in SERVERS.items() if not server.on_request]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.servers")
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="build what is missing into the cache folder")
    building.add_argument(
        "name", nargs="*", help="all but those on request unless given: " + ", ".join(SERVERS)
    )
    building.add_argument(
        "--dispense", action="store_true", help="with those that can do without, outside CI"
    )
    path = commands.add_parser("path", help="print where a server's program is")
    path.add_argument("name", help=", ".join(SERVERS))
    latest = commands.add_parser("newest", help="print each store's newest release, for a shell")
    latest.add_argument("name", nargs="*", help=", ".join(SERVERS))
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            for name in options.name or unasked():
                if options.dispense and is_dispensable(name):
                    print(f"{name}: can't be had here, so its tests are skipped", file=sys.stderr)
                else:
                    build(name)
            return 0
        if options.command == "newest":
            for name in options.name:
                if (version := newest(name)) is not None:
                    print(f"{variable(name)}={version}")
            return 0
        found = find(options.name)
    except (BuildError, SubprocessError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if found is None:
        print(f"error: {options.name} is not built; python -m tests.servers build", file=sys.stderr)
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
