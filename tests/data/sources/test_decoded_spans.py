"""From annotation to pixels: the frames and the box that a data set means are the ones preprocess takes.

The test videos show grey 8 * index in frame number index (counted from 0), modulo 256.
"""

import json
from pathlib import Path

import cv2
import numpy as np

from t2s.data.clip_reader import read_clip
from t2s.data.sources.read import read_source


def greys(config):
    """Clip id → mean grey of each decoded frame."""
    rows, source, _ = read_source(config)
    root = Path(source["media_root"])
    return {row.clip_id: read_clip(root, row, config).pixels.mean(axis=(1, 2, 3)) for row in rows}


def shown(first, last):
    """Greys of the 0-based frames first … last."""
    return [8 * index % 256 for index in range(first, last + 1)]


def test_wlasl_frames_count_from_one_and_include_both_ends(tmp_path, write_mp4, make_config):
    for number in (1, 2):
        write_mp4(tmp_path / "videos" / f"0000{number}.mp4", num_frames=31)
    spans = {"00001": (11, 14), "00002": (28, -1)}
    instances = [
        {"video_id": video_id, "frame_start": first, "frame_end": last, "split": "train"}
        for video_id, (first, last) in spans.items()
    ]
    (tmp_path / "WLASL_v0.3.json").write_text(json.dumps([{"gloss": "book", "instances": instances}]))
    found = greys(make_config(source="auto", root=tmp_path, num_frames=4, image_size=32))
    np.testing.assert_allclose(found["00001"], shown(10, 13), atol=4)
    np.testing.assert_allclose(found["00002"], shown(27, 30), atol=4)


def test_how2sign_full_videos_by_realigned_times_released_clips_whole(tmp_path, write_mp4, make_config):
    write_mp4(tmp_path / "raw_videos" / "v_1-5-rgb_front.mp4", num_frames=4, fps=25)
    write_mp4(tmp_path / "videos" / "v-5-rgb_front.mp4", num_frames=31, fps=25)
    columns = "VIDEO_ID\tVIDEO_NAME\tSENTENCE_ID\tSENTENCE_NAME\tSTART_REALIGNED\tEND_REALIGNED\tSENTENCE"
    rows = [f"v\tv-5-rgb_front\tv_{n}\tv_{n}-5-rgb_front\t0.8\t0.96\tsentence {n}" for n in (1, 2)]
    (tmp_path / "how2sign_realigned_train.csv").write_text("\n".join([columns, *rows]))
    found = greys(make_config(source="auto", root=tmp_path, num_frames=4, image_size=32))
    np.testing.assert_allclose(found["v_1-5-rgb_front"], shown(0, 3), atol=4)
    np.testing.assert_allclose(found["v_2-5-rgb_front"], shown(20, 23), atol=4)


def test_phoenix_stills_in_order_without_the_stray_file(tmp_path, make_config):
    tables = tmp_path / "annotations" / "manual"
    tables.mkdir(parents=True)
    (tables / "PHOENIX-2014-T.dev.corpus.csv").write_text("name|speaker|translation\nn1|Signer01|schnee\n")
    frames = tmp_path / "features/fullFrame-210x260px/dev/n1"
    frames.mkdir(parents=True)
    for index in range(12):
        cv2.imwrite(str(frames / f"images{index + 1:04d}.png"), np.full((26, 21, 3), 8 * index, np.uint8))
    (frames / "profile.png").write_bytes(b"stray")
    found = greys(make_config(source="auto", root=tmp_path, num_frames=12, image_size=8))
    np.testing.assert_allclose(found["n1"], shown(0, 11), atol=0)


def test_openasl_box_takes_the_signer_out_of_the_picture(tmp_path, make_config, write_mp4):
    write_mp4(tmp_path / "raw-video" / "yid.mp4", num_frames=8, size=(64, 32))
    columns = "vid\tyid\tstart\tend\traw-text\ttokenized-text\tgloss\tsplit"
    (tmp_path / "openasl-v1.0.tsv").write_text(f"{columns}\nyid-a:b\tyid\t00:00:00.08\t00:00:00.20\thi\thi\t\ttrain\n")
    (tmp_path / "bbox-v1.0.json").write_text(json.dumps({"yid-a:b": [0.5, 0.0, 1.0, 1.0]}))
    config = make_config(source="auto", root=tmp_path, num_frames=3, image_size=16, crop="box")
    rows, _, _ = read_source(config)
    assert rows[0].box == (32, 0, 64, 32)
    np.testing.assert_allclose(greys(config)["yid-a:b"], shown(2, 4), atol=4)
