"""How a training's checkpoints do on the judges: what more steps would buy.

    python scripts/learning_curve.py CONFIG --checkpoints DIR --twins TWINS --photos PHOTOS --generated GEN

DIR holds copies of a run's `last.ckpt`, any names. Each is judged on generators (both classes at one size and
quality) and on the held-out photos' twins. Results go to results/learning_curve/SYSTEM.json; steps that are
there already are not measured again. `choose_default.py --table` shows them.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from judging import judges, measure
from upprint.export import export
from upprint.systems import create
from upprint.train import read_config

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "learning_curve"
COMMAND = (
    "python scripts/learning_curve.py CONFIG --checkpoints DIR --twins TWINS --photos PHOTOS "
    "--generated GENERATED"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    for name in ("checkpoints", "twins", "photos", "generated"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--every", type=int, default=500, help="measure multiples of so many steps")
    arguments = parser.parse_args()
    config = read_config(arguments.config)
    found = [
        judge
        for judge in judges(arguments.photos, arguments.generated, arguments.twins, config.data.hold_out)
        if judge.name != "as_is"
    ]
    path = RESULTS / f"{config.system}.json"
    done = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"points": {}}
    detector = create(config.system, **config.options)
    for checkpoint in sorted(arguments.checkpoints.glob("*.ckpt")):
        state = torch.load(checkpoint, weights_only=True)
        step = str(state["step"])
        if step in done["points"] or int(step) % arguments.every:
            continue
        detector.load_state_dict(state["model"])
        point = {}
        with TemporaryDirectory() as folder:
            model = export(detector, folder, config.system)
            for judge in found:
                evaluation = measure(judge, model, Path(folder), COMMAND)
                mean = evaluation.mean["auroc"]
                point[judge.name] = [mean.value, mean.low, mean.high]
        done["points"][step] = point
        done |= {
            "system": config.system,
            "steps": config.steps,
            "judges": {judge.name: judge.data for judge in found},
            "date": datetime.now(UTC).date().isoformat(),
            "command": COMMAND,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
