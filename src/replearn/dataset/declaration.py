"""What is known of a data set before it is loaded: its size, factors, files and source."""

from collections.abc import Callable
from dataclasses import dataclass

from replearn.dataset.files import DataFile
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.paths import root


@dataclass(frozen=True)
class Declaration:
    """A data set as the registry and the documentation know it.

    Attributes:
        name: the name in the registry.
        load: returns the ImageDataset; every parameter has a default.
        n_images: N, with default parameters.
        image_shape: (C, H, W), with default parameters.
        source: who published it, one phrase.
        factor_space: the factors of variation, or None.
        class_names: names of the classes, or ().
        files: the published files.
        any_file: True if one of `files` is enough, False if all are needed.
        drawn: "<generator> <version>" if replearn can draw the images, or "".
        composed: where the images come from if it is neither a file nor drawing alone, or "".
        below: the data set that its own files are composed with, or None.
        kept: name of the file in data/ that keeps the drawn images, or "" if drawing is instant.
        terms: the licence or terms that its authors state, or "" if none are known.
    """

    name: str
    load: Callable[..., ImageDataset]
    n_images: int
    image_shape: tuple[int, int, int]
    source: str
    factor_space: FactorSpace | None = None
    class_names: tuple[str, ...] = ()
    files: tuple[DataFile, ...] = ()
    any_file: bool = False
    drawn: str = ""
    composed: str = ""
    below: "Declaration | None" = None
    kept: str = ""
    terms: str = ""

    @property
    def origin(self) -> str:
        """Where the images come from, in one phrase."""
        if self.composed:
            return self.composed
        ways = []
        if self.files:
            ways.append("published files")
        if self.drawn:
            ways.append(f"drawn by replearn ({self.drawn})")
        return ", else ".join(ways) or "comes with scikit-learn"

    @property
    def at_hand(self) -> str:
        """What a run would train on, by the names of files alone.

        `published`: its published files, or what stands for them (drawn where there never was
        one); `twin`: images drawn in their place, for some or all of it; `missing`: nothing.
        """
        found = self._found()
        if found and not self._enough(found):
            return "twin" if self.drawn else "missing"
        return "published" if self.below is None else self.below.at_hand

    def _found(self) -> list[bool]:
        return [bool(file.candidates()) for file in self.files]

    def _enough(self, found: list[bool]) -> bool:
        return any(found) if self.any_file else all(found)

    def whereabouts(self) -> str:
        """Return whether the images are here, by the names of files alone."""
        found = self._found()
        if found and self._enough(found):
            return f"here ({self.files[found.index(True)].candidates()[0].parent})"
        if self.drawn:
            if not self.kept:
                return "drawn when loaded"
            kept = root() / "data" / self.kept
            return f"twin drawn ({kept.parent})" if kept.exists() else "twin can be drawn"
        if not self.files:
            return "here (scikit-learn)"
        return f"{found.count(False)} of {len(found)} files missing" if any(found) else "missing"

    def size_on_disk(self) -> int:
        """Return the bytes of its published files and of what was made of them in data/."""
        data = root() / "data"
        made = {*data.glob(f"{self.name}-*.npy"), *([data / self.kept] if self.kept else [])}
        paths = [path for file in self.files for path in file.candidates()[:1]]
        return sum(path.stat().st_size for path in {*paths, *made} if path.exists())

    @property
    def targets(self) -> str:
        """The factors with their sizes, or the number of classes, in one phrase."""
        if self.factor_space is not None:
            if len(self.factor_space.names) > 20:  # CelebA's
                return f"{len(self.factor_space.names)} attributes"
            pairs = zip(self.factor_space.names, self.factor_space.sizes, strict=True)
            return ", ".join(f"{name} {size}" for name, size in pairs)
        return f"{len(self.class_names)} classes"


def readable(size: int) -> str:
    """Return a number of bytes for people: 11.3 MB is 11,300,000 bytes."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= 0.9995 * factor:
            value = size / factor
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.1f} {unit}"
    return f"{size} bytes"
