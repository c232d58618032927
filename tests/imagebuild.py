"""The image's files, made by the steps of the Dockerfile without a container engine.

Every step is run as it stands there, in a copy of this Python instead of the base image's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.delivery.test_dockerfile import BUILD, FINAL, IGNORED, PREFIX, ROOT
from tests.dockerfile import Instruction, Stage
from tests.tools import missing

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Image:
    """The files of the image, with the base's Python at `local` and the operator at `prefix`."""

    root: Path

    @property
    def local(self) -> Path:
        return self.root / "local"

    @property
    def prefix(self) -> Path:
        return self.root / "operator"

    @property
    def packages(self) -> Path:
        return self.prefix / "lib" / f"python{VERSION}" / "site-packages"

    def here(self, text: str) -> str:
        """A text of the Dockerfile with its paths as they are here."""
        return text.replace(PREFIX, str(self.prefix)).replace("/usr/local", str(self.local))

    def environ(self) -> dict[str, str]:
        """The environment of the container: no folder with a shell is on its PATH."""
        kept = {key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")}
        own = {key: self.here(value) for key, value in FINAL.merged("ENV").items()}
        own["PATH"] = own["PATH"].replace("$PATH", f"{self.local}/bin")
        return {**kept, **own, "LD_LIBRARY_PATH": f"{self.local}/lib", "HOME": "/"}

    def command(self, *arguments: str) -> list[str]:
        """The entry point with other arguments, as the image's user where we may choose."""
        return [
            *as_user(),
            str(self.prefix / "bin" / FINAL.one("ENTRYPOINT").exec_form[0]),
            *arguments,
        ]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            command, env=self.environ(), cwd="/", capture_output=True, text=True, check=False
        )

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return self.run(*as_user(), str(self.prefix / "bin" / "python"), "-c", code)


def as_user() -> list[str]:
    """What to put before a command so that it runs as the image's user, without any privilege.

    Whoever isn't root is unprivileged already, and can't become somebody else.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        missing("setpriv is not there to run as an unprivileged user")
    user, group = FINAL.one("USER").value.split(":")
    return [
        *(setpriv, "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"),
        *("--bounding-set=-all", "--inh-caps=-all"),
    ]


def copy_python(local: Path) -> None:
    """A Python of its own with pip, as the base image has it, where every user may read it.

    Without what the base image hasn't either: tests, and setuptools, which older Pythons add.
    """
    base = Path(sys.base_prefix)
    library = f"python{VERSION}"
    unwanted = shutil.ignore_patterns(
        "site-packages", "dist-packages", "test", "__pycache__", "config-*"
    )
    shutil.copytree(base / "lib" / library, local / "lib" / library, symlinks=True, ignore=unwanted)
    for shared in (base / "lib").glob("libpython*.so*"):
        shutil.copy2(shared, local / "lib", follow_symlinks=False)
    (local / "bin").mkdir()
    shutil.copy2(base / "bin" / library, local / "bin")
    for name in ("python3", "python"):
        (local / "bin" / name).symlink_to(library)
    packages = local / "lib" / library / "site-packages"
    packages.mkdir()
    subprocess.run(  # noqa: S603
        [local / "bin" / "python", "-m", "ensurepip", "--default-pip"],
        env={"LD_LIBRARY_PATH": f"{local}/lib"},
        capture_output=True,
        check=True,
    )
    for left in (*packages.glob("setuptools*"), *packages.glob("pkg_resources")):
        shutil.rmtree(left)
    assert list(packages.glob("pip*"))


def run_step(image: Image, stage: Stage, run: Instruction, cwd: Path) -> None:
    """One RUN as it stands, with pip's cache back on: it isn't in the image, and saves minutes."""
    environ = {**os.environ, **stage.merged("ENV"), "LD_LIBRARY_PATH": f"{image.local}/lib"}
    environ["PATH"] = f"{image.local}/bin:{os.defpath}"
    for name in ("PIP_NO_CACHE_DIR", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"):
        environ.pop(name, None)
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", image.here(run.value)],
        env=environ,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{run.value}\n{done.stdout}\n{done.stderr}"


def copy_step(copy: Instruction, target: Path) -> None:
    *sources, destination = copy.words
    ignored = shutil.ignore_patterns(*(line[3:] for line in IGNORED if line.startswith("**/")))
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target / destination, ignore=ignored)
        else:
            shutil.copy2(ROOT / source, target / destination)


def build(image: Image) -> None:
    work = image.root / "src"
    work.mkdir()
    copy_python(image.local)
    # Both stages have the same base: the second's is put aside as it was.
    base = image.root / "base"
    shutil.copytree(image.local, base, symlinks=True)
    for step in BUILD.instructions:
        if step.name == "RUN":
            run_step(image, BUILD, step, work)
        elif step.name == "COPY":
            copy_step(step, work)
        else:
            assert step.name in {"ENV", "WORKDIR"}
    # The last stage begins with a new base, and takes the prefix.
    for folder in (work, image.local):
        shutil.rmtree(folder)
    base.rename(image.local)
    run_step(image, FINAL, FINAL.one("RUN"), image.root)
