"""A folder whose writes are recorded, and what is left of it when the power is cut."""

import shutil
from pathlib import Path
from random import Random

from tests.disks.image import Cut, Image, Style, Tree
from tests.disks.recording import records


class WatchedFolder:
    """Of a process that has loaded the shim. What others write there while it is watched is lost with a cut."""

    def __init__(self, root: Path, log: Path) -> None:
        """`log`: outside of `root`; a process that is to be watched must be told of both."""
        self.root = root
        self.log = log
        self._image = self._begin()

    def cut(self, style: Style, rng: Random) -> Cut:
        """Call it when the processes are gone. Leaves the folder as a disk might have kept it, and watches on."""
        cut = self._replayed().cut(style, rng)
        for each in self.root.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        put(cut.tree, self.root)
        self._image = self._begin()
        return cut

    def missed(self) -> list[str]:
        """Paths of which the recording says something else than what is there: nothing, or the recording is worth
        nothing. For processes that have ended by themselves."""
        said = self._replayed().cut("everything", Random(0)).tree
        there, _ = _read(self.root)
        differing = {path for path in said.files.keys() | there.files if said.files.get(path) != there.files.get(path)}
        return sorted(differing | (said.folders ^ there.folders))

    def _begin(self) -> Image:
        self.log.write_bytes(b"")
        return Image(*_read(self.root))

    def _replayed(self) -> Image:
        image = self._image
        for record in records(self.log.read_bytes()):
            image.take(record)
        self.log.write_bytes(b"")
        for path in image.mapped:
            image.wrote(path, (self.root / path).read_bytes())
        return image


def put(tree: Tree, root: Path) -> None:
    """Write it below `root`, which is there and empty."""
    for path in sorted(tree.folders):
        (root / path).mkdir()
    for path, content in tree.files.items():
        (root / path).write_bytes(content)


def _read(root: Path) -> tuple[Tree, dict[str, int]]:
    paths = {str(path.relative_to(root)): path for path in root.rglob("*")}
    inodes = {name: path.stat().st_ino for name, path in paths.items()} | {"": root.stat().st_ino}
    files = {name: path.read_bytes() for name, path in paths.items() if path.is_file()}
    return Tree(files, frozenset(name for name, path in paths.items() if path.is_dir())), inodes
