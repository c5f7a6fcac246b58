"""Files that a power cut leaves whole: the new content or the old, and what was acknowledged stays.

POSIX promises little: a file's sync covers its bytes, not its name, and a rename is on the disk once its folder has
been synced. All of it blocks: call it in a lane.
"""

import os
from pathlib import Path


def write_durably(file: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Whole or not at all, and durable when it returns. `mode` as open(2) has it: less what the umask takes. Raises
    `OSError`; what was there before is there then."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(file.parent)


def make_folder(folder: Path) -> None:
    """With those above it, durable where it was not there. Raises `OSError`."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync_path(folder)


def sync_folder(folder: Path) -> None:
    """Make the folder's names durable: new, renamed and deleted ones. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_path(folder: Path) -> None:
    """Make the way to `folder` durable, too: a new folder is a name in the one above it. Folders that this user can't
    write in have got no new names from here. Raises `OSError`."""
    for each in (folder, *folder.resolve().parents):
        if os.access(each, os.R_OK | os.W_OK):
            sync_folder(each)
