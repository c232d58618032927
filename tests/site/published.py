"""The site as a release publishes it, on loopback: all versions, as GitHub Pages serves them."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hooks.commands.processes import LOOPBACK
from tests.tools import unmeasured

ROOT = Path(__file__).parents[2]
NAME = "s3-resource-operator"
"""The repository's, which GitHub Pages has in each address."""

_SCRIPT = Path(".github", "scripts", "publish-docs.sh")


class Publisher:
    """A copy of this work tree with a repository to publish into.

    Args:
        folder: for all of it.
    """

    def __init__(self, folder: Path) -> None:
        self.remote = folder / "remote.git"
        self._copy = folder / "copy"
        _git(folder, "init", "--quiet", "--bare", self.remote)
        listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in filter(None, listed.split("\0")):
            # What is deleted and not committed yet is listed too.
            if (ROOT / name).is_file():
                target = self._copy / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        (self._copy / ".venv").symlink_to(ROOT / ".venv")
        _git(self._copy, "init", "--quiet")
        _git(self._copy, "remote", "add", "origin", self.remote)
        author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
        # mike names the commit that it publishes; nothing has to be in it.
        _git(self._copy, *author, "commit", "--quiet", "--allow-empty", "--message", "A release")
        # The script's only use of gh lets git log in to GitHub.
        self._programs = folder / "programs"
        self._programs.mkdir()
        (self._programs / "gh").symlink_to("/bin/true")

    def publish(self, tag: str) -> None:
        """Does what a release of this version does, with a checkout that knows nothing before."""
        with contextlib.suppress(subprocess.CalledProcessError):
            _git(self._copy, "update-ref", "-d", "refs/heads/gh-pages")
        environ = {**unmeasured(), "PATH": f"{self._programs}:{os.environ['PATH']}", "TAG": tag}
        script = self._copy / _SCRIPT
        done = subprocess.run([script], env=environ, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)

    def export(self, folder: Path) -> None:
        """Writes what is published into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        _git(folder, "clone", "--quiet", "--branch", "gh-pages", self.remote, folder / NAME)


def _git(cwd: Path, *arguments: str | Path) -> str:
    done = subprocess.run(  # noqa: S603 - no shell, fixed words and own paths
        ["git", *arguments],  # noqa: S607 - whichever git there is
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


class _Pages(SimpleHTTPRequestHandler):
    """What is not found is answered with the page at the root of the site."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory, NAME, "404.html")
        if code != 404 or not page.is_file():
            super().send_error(code, message, explain)
            return
        body = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is inherited
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves a folder with the site in it; the site's address, without a slash at its end."""
    handler = functools.partial(_Pages, directory=str(folder))
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}/{NAME}"
        finally:
            server.shutdown()
            thread.join()


def pages(folder: Path, version: str) -> Sequence[str]:
    """The addresses of a version's pages below the site's."""
    root = folder / NAME / version
    found = (path.parent.relative_to(root).as_posix() for path in root.rglob("index.html"))
    return sorted(f"/{version}/" if page == "." else f"/{version}/{page}/" for page in found)
