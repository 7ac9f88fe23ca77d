"""Names for the arrays that pass between the measures."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]  # clips (N, 3, F, H, W), logits (N, K), features (N, D)
PerClip = npt.NDArray[np.float64]  # one value a clip, (N,); or a matrix of such values
Labels = npt.NDArray[np.int64]  # (N,), positions in a list of signs or prompts
