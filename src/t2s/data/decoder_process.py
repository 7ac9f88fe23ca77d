"""A decoder in a child process with a time limit; when it dies, that costs one clip and a restart."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from t2s.data.clip_reader import DecodedClip
from t2s.data.clips import CHANNELS
from t2s.data.config import DataConfig
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow
from t2s.data.worker_process import WorkerProcess


class DecoderProcess(WorkerProcess):
    """Decodes clips in one `decode_worker`, a new one after each death."""

    def __init__(self, root: Path, config: DataConfig) -> None:
        self._limit_s = config.decode.time_s
        self._shape = (config.num_frames, config.image_size, config.image_size, CHANNELS)
        start = {"root": str(root), "config": config.model_dump(), "memory_mib": config.decode.memory_mib}
        super().__init__("t2s.data.decode_worker", start)

    def decode(self, row: ManifestRow) -> DecodedClip:
        """Decode one clip.

        Raises:
            MediaError: what the file is to blame for, `time` and `crash` among it.
        """
        try:
            header, content = self.ask(asdict(row), self._limit_s, int(np.prod(self._shape)))
        except TimeoutError:
            raise MediaError("time", f"decoding takes more than data.decode.time_s = {self._limit_s:g}") from None
        pixels = np.frombuffer(content, dtype=np.uint8).reshape(self._shape)
        return DecodedClip(pixels, float(header["fps"]), int(header["source_frames"]))
