"""What a planted fault is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """`right`, which stands once in a file below csrc/kernels, becomes `wrong`."""

    file: str
    name: str
    right: str
    wrong: str
    harmless: str = ""  # why no result changes, where none does

    def planted(self, text: str) -> str:
        """The file's text with the fault.

        Raises:
            ValueError: `right` does not stand in the text, or not once.
        """
        if text.count(self.right) != 1:
            raise ValueError(f"{self.file}: {self.name}: {self.right!r} stands there {text.count(self.right)} times")
        return text.replace(self.right, self.wrong)


def faults(file: str, *faults: tuple[str, ...]) -> list[Fault]:
    """Faults of one file: each a name, what stands there, and what is planted."""
    return [Fault(file, *fault) for fault in faults]
