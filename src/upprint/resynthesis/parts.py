"""Weights of one part of the detector, as safetensors: what `load_parts` and a config's `[parts]` read."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

from upprint import __version__
from upprint.checkpoints import fill, pack, read_metadata, write_whole
from upprint.data.sample import Sample
from upprint.nets.rdn import RDN
from upprint.result import WeightsError
from upprint.train import RunConfig


@cache
def load_phi(weights: str) -> RDN:
    """The re-synthesiser in a file of the task `resynthesiser`, frozen; the file says how large it is.

    Raises:
        WeightsError: cannot be read, or holds something else.
    """
    try:
        size = json.loads(read_metadata(weights)["config"])["rdn"]
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{weights}: not a re-synthesiser that upprint trained ({error}); expected an rdn.safetensors"
        ) from error
    phi = RDN(*size)
    fill(phi, weights)
    return phi.eval().requires_grad_(False)


def save_part(
    part: nn.Module,
    path: Path,
    *,
    kind: str,
    config: RunConfig,
    samples: Sequence[Sample],
    half: bool = False,
) -> str:
    """Write a part's state, with what made it; returns the file's SHA-256.

    Args:
        part: what to save.
        path: the file.
        kind: what it is, in a word.
        config: the run.
        samples: what it was trained on.
        half: in half precision, which halves the file.
    """
    listing = "\n".join(f"{s.label} {s.subset} {s.source}" for s in samples)
    metadata: Mapping[str, Any] = {
        "kind": kind,
        "config": json.dumps(asdict(config), sort_keys=True),
        "trained_on": f"{config.trained_on} ({len(samples)} photos)",
        "training_list_sha256": hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest(),
        "command": shlex.join(["upprint", *sys.argv[1:]]),
        "licence": config.licence,
        "version": __version__,
    }
    state = {name: value.half() if half else value for name, value in part.state_dict().items()}
    data = pack(state, metadata)
    write_whole(path, data)
    return hashlib.sha256(data).hexdigest()
