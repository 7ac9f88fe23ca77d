"""`t2s demo`: load the model, say where the page is, serve it."""

import logging
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

from t2s.data.clips import ClipStore
from t2s.demo.hosts import is_loopback, names_for, url_of
from t2s.errors import UserError

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 256
WARNING = (
    "warning: this address is open to other machines. Whoever reaches it can use the model; there is no login and no "
    "encryption. Leave --host out to serve this machine alone."
)


def serve(
    checkpoint: Path,
    clips: Path = Path("data/clips"),
    host: str = "127.0.0.1",
    port: int = 7860,
    device: str = "auto",
    allowed_names: Sequence[str] = (),
) -> None:
    """Serve the demo until Ctrl-C.

    Args:
        clips: real clips to show beside the generated ones; none are shown when the folder is not there.
        host: another address than a loopback one opens the demo to others, with a warning.
        allowed_names: further names under which browsers may ask for it (the Host header).

    Raises:
        UserError: the checkpoint cannot be read, the address is taken, or the extra demo is missing.
    """
    try:
        import uvicorn

        from t2s.demo.app import create_app
    except ImportError as error:
        raise UserError(f"the demo needs {error.name}: pip install -e '.[demo]' in t2s's checkout") from None
    from t2s import sampling
    from t2s.demo.studio import Studio

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with listen(host, port) as listening, tempfile.TemporaryDirectory(prefix="t2s-demo-") as folder:
        model = sampling.Text2Sign.from_checkpoint(checkpoint, device)
        defaults = {
            "num_steps": model.default_num_steps,
            "guidance_scale": sampling.DEFAULT_GUIDANCE_SCALE,
            "sampler": sampling.DEFAULT_SAMPLER,
            "num_samples": 3,
            "seed": 0,
        }
        studio = Studio(model, open_clips(clips), Path(folder))
        app = create_app(studio, Path(folder), [*names_for(host), *allowed_names], defaults)
        if not is_loopback(str(listening.getsockname()[0])):
            logger.warning(WARNING)
        listening.listen(MAX_CONNECTIONS)  # whoever reads the next line may ask at once
        logger.info("t2s demo: %s  (Ctrl-C ends it)", url_of(listening))
        config = uvicorn.Config(
            app,
            log_level="warning",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises UserError when the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"--host {host}: {error.strerror}") from None
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError as error:
        made.close()
        raise UserError(f"--host {host} --port {port}: {error.strerror}; choose another --port") from None
    return made


def open_clips(folder: Path) -> ClipStore | None:
    """The real clips, when there are any."""
    try:
        return ClipStore.open(folder)
    except UserError:
        logger.info("no real clips in %s: generated ones are shown alone", folder)
        return None
