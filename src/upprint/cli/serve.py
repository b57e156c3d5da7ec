"""`upprint serve`: the page and the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, stderr


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one per core.")] = None,
    queue: Annotated[int, typer.Option(help="Requests that may wait beyond one per worker.")] = 16,
    max_upload: Annotated[str, typer.Option(help="Largest request, e.g. 500KB, 32MB, 1GiB.")] = "32MB",
    max_files: Annotated[int, typer.Option(help="Pictures in one request.")] = 100,
    max_pixels: Annotated[int, typer.Option(help="Width x height that is decoded at most.")] = 100_000_000,
    timeout: Annotated[float, typer.Option(help="Seconds for one picture.")] = 30.0,
    api_key_file: Annotated[
        Path | None, typer.Option(help="File with the key that callers must send.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name that requests may be addressed to; repeatable.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="Name of a shipped system, or an .onnx file.")] = None,
    fpr: Annotated[str | None, typer.Option(help="False-positive rate to stand by, e.g. 0.01.")] = None,
    tiles: Annotated[str | None, typer.Option(help="Tiles per picture, or 'all'.")] = None,
    engine: Annotated[str, typer.Option(help="onnxruntime, or openvino (extra 'fast').")] = "onnxruntime",
) -> None:
    """Serve the page and the HTTP API; pictures are scored in memory and never stored.

    Listens on this machine only unless --host says otherwise. Ctrl-C finishes what was admitted, then ends.
    """
    from upprint.result import require
    from upprint.runtime.settings import Settings
    from upprint.serve.limits import Limits, is_loopback, parse_size, read_key

    for module in ("fastapi", "prometheus_client", "python_multipart", "uvicorn"):
        require(module, extra="serve", purpose="upprint serve")
    from upprint.serve.run import log_to_stderr, run

    limits = Limits(
        body=parse_size(max_upload), files=max_files, pixels=max_pixels, seconds=timeout, waiting=queue
    )
    settings = Settings.resolve(system, fpr=fpr, tiles=tiles, engine=engine, max_pixels=max_pixels)
    key, warning = read_key(api_key_file) if api_key_file else (None, None)
    if warning:
        stderr.print(f"warning: {warning}", markup=False, highlight=False)
    if key is None and not is_loopback(host):
        stderr.print(
            f"warning: {host} can be reached from other machines and there is no --api-key-file: "
            "anybody who reaches it can use it",
            markup=False,
            highlight=False,
        )
    log_to_stderr()
    try:
        run(
            settings,
            host=host,
            port=port,
            workers=workers,
            limits=limits,
            key=key,
            allow_hosts=allow_host or (),
            started=lambda url: stderr.print(f"upprint listens on {url}", markup=False, highlight=False),
        )
    except KeyboardInterrupt:
        stderr.print("stopped", markup=False)
