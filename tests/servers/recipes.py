"""How a test server's program is made: by Go, by Cargo, or out of this system's packages."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MODULE = Path(__file__).parent


class BuildError(RuntimeError):
    """A server's program is not there and can't be built."""


@dataclass(frozen=True)
class Step:
    """One run of a build tool that leaves the program in a given folder."""

    command: Sequence[str]
    product: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    needs: str = ""
    """The tool that has to be there, where that isn't the command itself."""

    @property
    def tool(self) -> str:
        return self.needs or self.command[0]


def go_install(package: str, version: str, *tags: str) -> Callable[[Path], Step]:
    def step(folder: Path) -> Step:
        return Step(
            ["go", "install", "-trimpath", f"-tags={','.join(tags)}", f"{package}@{version}"],
            folder / package.rsplit("/", 1)[1],
            env={"GOBIN": str(folder)},
        )

    return step


def cargo_install(package: str, version: str, features: str) -> Callable[[Path], Step]:
    def step(folder: Path) -> Step:
        command = ["cargo", "install", f"{package}@{version}", "--locked", "--root", str(folder)]
        return Step(
            [*command, "--no-default-features", "--features", features],
            folder / "bin" / package,
            env={"CARGO_TARGET_DIR": str(folder / "target")},
        )

    return step


def rustfs(version: str) -> Callable[[Path], Step]:
    def step(folder: Path) -> Step:
        script = [sys.executable, str(MODULE / "rustfstool.py"), str(folder), version]
        return Step(script, folder / "bin" / "rustfs", needs="cargo")

    return step


def go_tool(
    module: Path, package: str, requirement: str = "", version: str = ""
) -> Callable[[Path], Step]:
    """Build a program by a Go module of its own: the module's tool, or what it consists of.

    With a version, the module requires that one instead of its own.
    """

    def step(folder: Path) -> Step:
        product = folder / package.rsplit("/", 1)[1]
        if version:
            script = [sys.executable, str(MODULE / "gotool.py"), str(module), package]
            return Step([*script, requirement, version, str(folder)], product, needs="go")
        command = ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(product), package]
        return Step(command, product, cwd=module)

    return step


def go_build(name: str) -> Callable[[Path], Step]:
    """Build one of the commands of the Go module beside this file."""

    def step(folder: Path) -> Step:
        product = folder / name
        # The commit is no part of these programs, and git may refuse to name it.
        command = ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(product)]
        return Step([*command, f"./cmd/{name}"], product, cwd=MODULE)

    return step


def unpacked(*names: str) -> Callable[[Path], Step]:
    """Unpack packages of this system, with the libraries that they need."""

    def step(folder: Path) -> Step:
        product = folder / "unpacked"
        script = str(MODULE / "packages.py")
        return Step([sys.executable, script, str(product), *names], product, needs="apt-get")

    return step


def system_version() -> str:
    """The release of this system, whose packages are of one version each."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return "unknown"
    return f"{system.get('ID', 'unknown')}-{system.get('VERSION_ID', 'rolling')}"


def module_version(name: str, requirement: str) -> str:
    """The required version of a Go module, with a short hash of all that the build depends on."""
    return required_version(MODULE, requirement, MODULE / "cmd" / name / "main.go")


def required_version(module: Path, requirement: str, *sources: Path) -> str:
    files = [module / "go.mod", module / "go.sum", *sources]
    text = files[0].read_text()
    found = re.search(
        rf"^\s*(?:require )?{re.escape(requirement)} (v\S+)(?: // indirect)?$", text, re.MULTILINE
    )
    if found is None:
        raise BuildError(f"{files[0]} does not require {requirement}")
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files))
    return f"{found[1]}-{digest.hexdigest()[:8]}"
