"""Headers read in a child process, with limits of time and memory: a file that means harm costs its own header."""

from pathlib import Path

from t2s.data.faults import MediaError
from t2s.data.header import Header
from t2s.data.worker_process import WorkerProcess

LIMIT_S = 20.0
MEMORY_MIB = 1024


class HeaderProcess(WorkerProcess):
    """Reads headers of files under `root` in one `header_worker`, a new one after each death."""

    def __init__(self, root: Path) -> None:
        super().__init__("t2s.data.header_worker", {"root": str(root), "memory_mib": MEMORY_MIB})

    def probe(self, path: str) -> Header:
        """As `probe_header`, which may raise `time`, `memory` and `crash` here as well."""
        try:
            fields, _ = self.ask({"path": path}, LIMIT_S)
        except TimeoutError:
            raise MediaError("time", f"reading its header takes more than {LIMIT_S:g} s") from None
        return Header(**fields)
