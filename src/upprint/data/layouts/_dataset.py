"""What every reader returns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from upprint.data.protocol import Protocol
from upprint.data.sample import Sample
from upprint.result import DataError

UNKNOWN = "unknown"
"""Generator of a generated picture where the data do not say."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a reader found.

    Args:
        name: layout, with its split if it has one.
        samples: subset by subset in the order of the paper's table, then by path.
        skipped: what lies there and was not read, or was looked for and is missing, each with the reason.
        protocol: how the data set's authors or the paper feed it to a network.
    """

    name: str
    samples: tuple[Sample, ...]
    skipped: tuple[str, ...]
    protocol: Protocol

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the subsets, in order."""
        return tuple(dict.fromkeys(s.subset for s in self.samples))

    def only(self, subsets: Collection[str]) -> Dataset:
        """The data set reduced to some subsets; upper case and punctuation of the names do not matter.

        Raises:
            DataError: a name that no subset has.
        """
        known = {plain_name(name): name for name in self.subsets}
        if unknown := [name for name in subsets if plain_name(name) not in known]:
            raise DataError(f"{self.name}: no subset {unknown}; found: {', '.join(self.subsets)}")
        kept = {known[plain_name(name)] for name in subsets}
        return replace(self, samples=tuple(s for s in self.samples if s.subset in kept))


def plain_name(name: str) -> str:
    """A name without case and punctuation: "Stable Diffusion V1.4" is "stable_diffusion_v_1_4"."""
    return "".join(c for c in name.casefold() if c.isalnum())
