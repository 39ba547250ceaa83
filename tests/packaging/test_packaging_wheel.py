"""The wheel and the source archive: what is in them, and that the wheel works where there is no source tree."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from motet import __version__
from support.node import NodeClients, missing
from support.people import converged
from support.server import MotetServer
from support.sockets import RawClient

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True, slots=True)
class Built:
    """The two archives of a release."""

    sdist: Path
    wheel: Path

    def names(self) -> set[str]:
        """The files in the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def read(self, name: str) -> str:
        """A file in the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return archive.read(name).decode()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The source archive, and the wheel made from that and nothing else."""
    if not UV.exists():
        missing(f"there is no {UV}: make setup")
    where = tmp_path_factory.mktemp("dist")
    build = [UV, "build", "-q", "--python", sys.executable, "--out-dir", where, ROOT]
    ended = subprocess.run(build, capture_output=True, text=True, check=False)
    if ended.returncode != 0 and "hatchling" in ended.stderr and "fetch" in ended.stderr:
        missing("hatchling cannot be had, which builds the wheel")
    assert ended.returncode == 0, ended.stderr
    (sdist,), (wheel,) = where.glob("*.tar.gz"), where.glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def command(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `motet` of an environment that has the wheel, and of this one only what the wheel depends on."""
    home = tmp_path_factory.mktemp("installed") / "env"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    install = [UV, "pip", "install", "-q", "--no-deps", "--offline", "--python", python, built.wheel]
    subprocess.run(install, check=True, capture_output=True)
    # Named in a .pth file, a directory's own .pth files are not read: the editable install of this one stays behind.
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return home / "bin" / "motet"


class InstalledMotet(MotetServer):
    """A server of the installed wheel."""

    executable: Path

    def command(self) -> list[str]:
        return [str(self.executable), *super().command()[3:]]


@pytest.fixture(scope="module")
def server(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstalledMotet]:
    """Started with its default settings but for the address and the data."""
    home = tmp_path_factory.mktemp("served")
    server = InstalledMotet(home / "data", home / "log")
    server.executable = command
    try:
        server.start()
        yield server
    finally:
        server.discard()


def test_the_version_is_one() -> None:
    """In the package, the project and the list of changes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(
        rf"^## \[{re.escape(__version__)}\]|To be released as {re.escape(__version__)}", changes, re.MULTILINE
    )


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(built: Built) -> None:
    """Types, licence and the pages; no tests, no benchmarks."""
    source = ROOT / "src"
    files = {str(path.relative_to(source)) for path in (source / "motet").rglob("*") if path.is_file()}
    info = f"motet-{__version__}.dist-info"
    assert {name for name in built.names() if not name.startswith(info)} == {f for f in files if "__pycache__" not in f}
    for name in ("motet/py.typed", "motet/web/index.html", "motet/web/demo/index.html", f"{info}/licenses/LICENSE"):
        assert name in built.names()


def _name(requirement: str) -> str:
    return re.sub(r"[<>= ].*", "", requirement)


def test_the_wheel_says_what_it_needs(built: Built) -> None:
    """As pyproject.toml does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = built.read(f"motet-{__version__}.dist-info/METADATA")
    needs = [line.partition(";") for line in re.findall(r"^Requires-Dist: (.*)$", told, re.MULTILINE)]
    assert {_name(need) for need, _, extra in needs if not extra} == set(map(_name, project["dependencies"]))
    for extra, packages in project["optional-dependencies"].items():
        assert {_name(need) for need, _, of in needs if repr(extra) in of} == set(map(_name, packages))
    assert f"Requires-Python: {project['requires-python']}" in told
    assert "License-Expression: MIT" in told
    assert built.read(f"motet-{__version__}.dist-info/entry_points.txt").split() == [
        "[console_scripts]",
        "motet",
        "=",
        "motet.cli:main",
    ]


def test_the_source_archive_has_what_a_build_needs(built: Built) -> None:
    """The wheel was made from it; tests and benchmarks need the repository."""
    with tarfile.open(built.sdist) as archive:
        roots = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert roots >= {"src", "LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"}
    assert roots.isdisjoint({"tests", "benchmarks", "docs", "deploy"})


def test_the_installed_command_tells_its_version(command: Path, tmp_path: Path) -> None:
    """From another directory."""
    told = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout == f"motet {__version__}\n"
    where = "import motet, sys; print(motet.__file__); assert not any(p.endswith('/src') for p in sys.path), sys.path"
    file = subprocess.run(
        [command.with_name("python"), "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(file.stdout.strip()).is_relative_to(command.parents[1])


def test_the_pages_are_served_without_the_source_tree(server: InstalledMotet) -> None:
    """What they load too."""
    for path in ("/", "/demo/", "/readyz"):
        assert server.get(path)[0] == 200, path
    page = server.get("/demo/")[1]
    assets = re.findall(r'(?:src|href)="([\w./-]+)(?:\?\w+)?"', page)
    assert len(assets) >= 2
    for asset in assets:
        assert server.get(f"/demo/{asset}")[0] == 200, asset


async def test_a_document_is_typed_stored_and_seen_without_the_source_tree(
    server: InstalledMotet, command: Path, tmp_path: Path
) -> None:
    """The worker of views, which is a process of its own, is found too."""
    (tmp_path / "a.txt").write_text("imported")
    imported = [command, "import", "room", "a.txt", "--data", "data"]
    subprocess.run(imported, cwd=tmp_path, check=True, capture_output=True)
    exported = [command, "export", "room", "--as", "text", "--data", "data"]
    told = subprocess.run(exported, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert told.stdout == "imported\n"
    client = await (await RawClient.yjs(server.ws_url, "room")).synced()
    await client.close()


@pytest.mark.node
async def test_y_websocket_joins_a_server_without_the_source_tree(
    server: InstalledMotet, node_clients: NodeClients
) -> None:
    """Two of them edit together."""
    one, other = [await node_clients.create("y-websocket-3", server.ws_url, "together") for _ in range(2)]
    await one.synced()
    await other.synced()
    await one.edit(append="typed")
    assert (await converged([one, other])).text == "typed"
