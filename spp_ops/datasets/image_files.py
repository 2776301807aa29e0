"""Which files are images by their names, and finding one by a name that a list or an annotation gives."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote, urlsplit

from PIL import Image

from spp_ops.datasets.decoding import load_plugins
from spp_ops.datasets.problems import Kind, Problems

_OTHER_IMAGES = frozenset({".heic", ".heif", ".avif"})  # images all the same where no decoder is installed

UNKNOWN_ENDING = Kind(
    "file left out, as its name does not end as images' do", "files left out, as their names do not end as images' do"
)
DANGLING = Kind("link left out: its file is not there", "links left out: their files are not there")
SUBFOLDER = Kind(
    "folder inside a folder of images is not looked into", "folders inside folders of images are not looked into"
)
BY_NAME = Kind(
    "image found by its name, in another folder than told", "images found by their names, in other folders than told"
)


@cache
def image_endings() -> frozenset[str]:
    """Return the endings of the formats that Pillow reads."""
    load_plugins()
    readers = Image.registered_extensions()  # also loads Pillow's own plugins
    return frozenset(ending for ending, name in readers.items() if name in Image.OPEN)


def is_image_name(path: Path) -> bool:
    """Say whether a name ends as images' do, also those that need another package; hidden files don't count."""
    ending = path.suffix.lower()
    return (ending in image_endings() or ending in _OTHER_IMAGES) and not path.name.startswith(".")


def image_files(
    folder: Path,
    problems: Problems | None = None,
    others: Iterable[str] = (),
    *,
    also: Iterable[str] = (),
    below: bool = False,
) -> list[Path]:
    """Files of a folder whose names end as images' do, sorted.

    Args:
        folder: is looked at.
        problems: takes what is left out: other files, links to nothing, folders. Hidden ones are not spoken of.
        others: endings of files that are expected there besides images, and left out without a word.
        also: endings of files that are wanted as images are.
        below: whether folders in it are looked into.
    """
    expected, wanted = {*others}, {*also}
    takes = Problems() if problems is None else problems
    found = []
    for path in sorted(folder.rglob("*") if below else folder.iterdir()):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.is_dir():
            if not below:
                takes.note(SUBFOLDER, path)
        elif not path.exists():
            takes.note(DANGLING, path)
        elif is_image_name(path) or path.suffix.lower() in wanted:
            found.append(path)
        elif path.suffix.lower() not in expected:
            takes.note(UNKNOWN_ENDING, path)
    return found


def is_file(path: Path) -> bool:
    """Say whether there is such a file; a name that no system allows is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def spellings(told: str) -> list[str]:
    """A path as it may be meant: as it is, decoded from a URL's, with the other system's slashes."""
    plain = unquote(told)
    return list(dict.fromkeys([told, plain, told.replace("\\", "/"), plain.replace("\\", "/")]))


class ImageFinder:
    """Finds images below some folders.

    Args:
        folders: looked into in their order.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._listed: dict[Path, dict[str, list[Path]]] = {}
        self._below: dict[str, list[Path]] | None = None

    def by_stem(self, name: str) -> Path:
        """Find the image of that name, which may have an ending; VOC's are .jpg, and others will do.

        Small and large letters count only where there are several files, as on systems that tell them apart.

        Raises:
            FileNotFoundError: there is none.
        """
        for folder in self._folders:
            place = folder / name
            listed = self._listing(place.parent)
            stems = [place.name, place.stem] if is_image_name(place) else [place.name]
            for stem in stems:
                alike = listed.get(stem.casefold(), [])
                files = [path for path in alike if path.stem == stem] or (alike if len(alike) == 1 else [])
                if place in files:
                    return place
                files = sorted(files, key=lambda path: (path.suffix.lower() != ".jpg", path.suffix))
                if files:
                    return files[0]
        raise FileNotFoundError(f"no image {name} in {' or '.join(map(str, self._folders))}")

    def by_path(self, told: str, place: object, problems: Problems) -> Path:
        """Find the image of a path as an annotation gives it: relative, encoded as in a URL, or of another system.

        Raises:
            FileNotFoundError: there is none.
            ValueError: with `problems.strict`: it is in another folder than told.
        """
        for folder in self._folders:
            for spelling in spellings(told):
                path = folder / spelling
                if is_file(path):
                    return path
                alike = self._alike(path)
                if alike is not None:
                    return alike
        local = urlsplit(told).path if "://" in told else told
        name = PureWindowsPath(unquote(local)).name  # knows both kinds of slashes
        found = self._anywhere(name)
        if len(found) == 1:
            problems.mend(BY_NAME, place, f"no image file at {self._folders[0] / told}")
            return found[0]
        many = f", and {len(found)} files of that name in other folders" if found else ""
        raise FileNotFoundError(f"no image file at {self._folders[0] / told}{many}")

    def _alike(self, path: Path) -> Path | None:
        """The one image that is called so but for small and large letters."""
        if not is_image_name(path) or not _is_folder(path.parent):
            return None
        found = self._listing(path.parent).get(path.stem.casefold(), [])
        same = [other for other in found if other.name.casefold() == path.name.casefold()]
        return same[0] if len(same) == 1 else None

    def _listing(self, folder: Path) -> dict[str, list[Path]]:
        """The image files of a folder by their stems, all in small letters."""
        if folder not in self._listed:
            found: dict[str, list[Path]] = {}
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                if is_image_name(path) and (path.is_file() or path.is_symlink()):
                    found.setdefault(path.stem.casefold(), []).append(path)
            self._listed[folder] = found
        return self._listed[folder]

    def _anywhere(self, name: str) -> list[Path]:
        """Files of that name in the folders and all below them."""
        if self._below is None:
            self._below = {}
            every = {path for folder in self._folders if folder.is_dir() for path in folder.rglob("*")}
            for path in sorted(every):
                if is_image_name(path):
                    self._below.setdefault(path.name, []).append(path)
        return self._below.get(name, [])
