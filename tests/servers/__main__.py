"""``python -m tests.servers build NAME…`` and ``python -m tests.servers path NAME``."""

from __future__ import annotations

import argparse
import sys

from tests.servers.build import SERVERS, BuildError, build, find, is_dispensable


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.servers")
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="build what is missing into the cache folder")
    building.add_argument("name", nargs="*", help="all of them unless given: " + ", ".join(SERVERS))
    building.add_argument(
        "--dispense", action="store_true", help="with those that can do without, outside CI"
    )
    path = commands.add_parser("path", help="print where a server's program is")
    path.add_argument("name", help=", ".join(SERVERS))
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            for name in options.name or SERVERS:
                if options.dispense and is_dispensable(name):
                    print(f"{name}: can't be had here, so its tests are skipped", file=sys.stderr)
                else:
                    build(name)
            return 0
        found = find(options.name)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if found is None:
        print(f"error: {options.name} is not built; python -m tests.servers build", file=sys.stderr)
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
