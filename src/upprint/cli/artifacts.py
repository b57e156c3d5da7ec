"""`upprint artifacts`: what a re-synthesiser cannot rebuild, drawn with one scale for all pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, console, stderr


@app.command()
def artifacts(
    weights: Annotated[Path, typer.Argument(help="A trained Re-Synthesis detector (.safetensors).")],
    photos: Annotated[Path, typer.Argument(help="Folder of camera-made pictures; they set the scales.")],
    others: Annotated[list[Path], typer.Argument(help="Folders of generated pictures, one per generator.")],
    out: Annotated[Path, typer.Option(help="Folder for the figures; made if missing.")] = Path(),
    columns: Annotated[int, typer.Option(help="Pictures of every folder in the sheets.")] = 1,
    limit: Annotated[int, typer.Option(help="Pictures of every folder in the histogram.")] = 100,
) -> None:
    """Draw artifact maps, the histogram of their averages, and the branches' class activation maps.

    Prints how far the size of the residual alone tells every folder from the photos (AUROC 0.5: not at all).
    Writes artifacts.png, histogram.png, cam.png, and averages.csv with every picture's average residual and
    logit per branch.
    """
    import csv

    from rich.progress import Progress

    from upprint.images import decode, find_images
    from upprint.result import ConfigError, printable, require

    require("torch", extra="train", purpose="drawing artifact maps")
    from upprint.checkpoints import load_detector
    from upprint.explain import artifacts as drawing
    from upprint.explain.figure import save_png
    from upprint.resynthesis.artifacts import artifacts as made

    folders = {"real": photos} | {folder.name: folder for folder in others}
    if len(folders) != 1 + len(others):
        raise ConfigError("folders of generated pictures: two have the same name, or one is called 'real'")
    chosen = {group: sorted(find_images([folder]))[:limit] for group, folder in folders.items()}
    if empty := [group for group, files in chosen.items() if not files]:
        raise ConfigError(f"no image found for {', '.join(empty)}; expected folders of pictures")
    detector = load_detector(weights, system="resynthesis").eval()
    pictures = []
    with Progress(console=stderr, transient=True) as bar:
        task = bar.add_task("pictures", total=sum(map(len, chosen.values())))
        for group, files in chosen.items():
            for file in files:
                pictures.append(made(detector, decode(file).pixels, Path(file).name, group))
                bar.advance(task)
    out.mkdir(parents=True, exist_ok=True)
    shown = [picture for group in chosen for picture in [p for p in pictures if p.group == group][:columns]]
    written = [
        save_png(drawing.map_sheet(shown, "real"), out / "artifacts.png"),
        save_png(drawing.cam_sheet(shown), out / "cam.png"),
        out / "histogram.png",
        out / "averages.csv",
    ]
    drawing.histogram(pictures, written[2])
    with written[3].open("w", newline="", encoding="utf-8") as rows:
        table = csv.writer(rows, lineterminator="\n")
        table.writerow(["group", "picture", "branch", "average", "logit"])
        for p in pictures:
            for branch, values in p.maps.items():
                average = format(float(values.mean(dtype="float64")), ".6g")
                table.writerow([p.group, printable(p.name), branch, average, format(p.logits[branch], ".6g")])
    for size in drawing.magnitudes(pictures, "real"):
        line = f"{size.branch}, {size.group} ({size.count}): mean residual {size.mean:.5f}"
        alone = "" if size.group == "real" else f", AUROC of the mean alone {size.auroc:.3f}"
        console.print(printable(line + alone), markup=False, highlight=False, soft_wrap=True)
    for path in written:
        console.print(printable(str(path)), markup=False, highlight=False, soft_wrap=True)
