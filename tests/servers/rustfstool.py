"""``python rustfstool.py FOLDER VERSION``: builds RustFS in a folder, with the tools it needs.

The crate of 1.0.1 asks for a newer Rust than the stable one of its day, which a nightly stands in
for, and for `protoc`, which comes out of this system's packages. Without optimisation and debug
information the build takes 35 minutes and 5 GB of memory on two cores, with them far more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NIGHTLY = "+nightly"
_PROTOC = "protobuf-compiler"


def build(folder: Path, version: str) -> int:
    """Leaves the program in ``folder/bin/rustfs``; returns Cargo's exit status.

    Raises:
        subprocess.CalledProcessError: the packages can't be had.
    """
    tools = folder / "tools"
    unpacker = str(Path(__file__).with_name("packages.py"))
    subprocess.run([sys.executable, unpacker, str(tools), _PROTOC], check=True)  # noqa: S603
    libraries = sorted({str(library.parent) for library in tools.rglob("libproto*.so.*")})
    return subprocess.run(  # noqa: S603 - no shell, and the version is one of the table's
        [
            *("cargo", NIGHTLY, "install", f"rustfs@{version}", "--locked", "--debug"),
            *("--ignore-rust-version", "--no-default-features", "--root", str(folder)),
        ],
        env={
            **os.environ,
            "CARGO_TARGET_DIR": str(folder / "target"),
            "CARGO_PROFILE_DEV_DEBUG": "0",
            "CARGO_PROFILE_DEV_OPT_LEVEL": "0",
            "CARGO_INCREMENTAL": "0",
            "PROTOC": str(tools / "usr/bin/protoc"),
            "LD_LIBRARY_PATH": ":".join(libraries),
        },
        check=False,
    ).returncode


if __name__ == "__main__":
    raise SystemExit(build(Path(sys.argv[1]), sys.argv[2]))
