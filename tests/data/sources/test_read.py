"""From a folder to manifest rows: recognition, licence, gaps, ids, splits and what is written."""

import json
import os
import socket

import pytest

from t2s.data.manifest import read_manifest
from t2s.data.sources.acquire import acquire_source
from t2s.data.sources.clip import SourceClip
from t2s.data.sources.folder_manifest import FolderManifest
from t2s.data.sources.read import list_clips, read_source
from t2s.data.sources.registry import READERS, locate
from t2s.errors import UserError


@pytest.fixture
def own_videos(tmp_path, write_mp4):
    """Twelve videos of three signers, four signs each, in a manifest without splits."""
    lines = ["path,text,signer"]
    for signer in ("ann", "bob", "cyd"):
        for sign in ("hello", "book", "no", "yes"):
            write_mp4(tmp_path / "mine" / f"{signer}-{sign}.mp4", num_frames=2)
            lines.append(f"{signer}-{sign}.mp4,{sign},{signer}")
    (tmp_path / "mine" / "manifest.csv").write_text("\n".join(lines))
    return tmp_path / "mine"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)


def test_the_licences_of_single_clips_are_those_of_the_data_set(own_videos, make_config, tmp_path):
    """source.json's is what checkpoints and generated clips carry."""
    manifest = own_videos / "manifest.csv"
    head, first, *rest = manifest.read_text().splitlines()
    manifest.write_text("\n".join([f"{head},licence", f"{first},CC BY-NC 4.0", *(f"{line}," for line in rest)]))
    acquire_source(make_config(root=own_videos), tmp_path / "raw")
    assert json.loads((tmp_path / "raw" / "source.json").read_text())["licence"] == "CC BY-NC 4.0; the user's own"


@pytest.mark.usefixtures("no_network")
def test_one_folder_to_data_raw_and_back(own_videos, make_config, tmp_path):
    raw = tmp_path / "data" / "raw"
    acquire_source(make_config(root=own_videos), raw)
    rows = read_manifest(raw / "manifest.csv")
    assert len(rows) == 12
    split_of = {row.signer: row.split for row in rows}
    assert all(row.split == split_of[row.signer] for row in rows)
    assert sorted(split_of.values()) == ["test", "train", "val"]
    assert {row.sign for row in rows} == {"hello", "book", "no", "yes"}
    source = json.loads((raw / "source.json").read_text())
    assert source["source"] == "manifest"
    assert source["media_root"] == str(own_videos)
    assert source["licence"] == "the user's own"
    assert source["split_key"] == "signer"
    assert source["synthetic"] is False
    assert "the data set gives no splits: they are made" in source["notes"]
    report = json.loads((raw / "source_report.json").read_text())
    assert (report["listed"], report["kept"], report["issues"]) == (12, 12, [])
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    acquire_source(make_config(root=own_videos), raw)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before


def test_every_problem_is_reported_and_only_unique_ids_reach_the_manifest(own_videos, make_config, tmp_path):
    os.mkfifo(own_videos / "fifo.mp4")
    (tmp_path / "secret.mp4").write_bytes(b"")
    (own_videos / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    with (own_videos / "manifest.csv").open("a") as file:
        file.write(
            "\nann-hello.mp4,hello,ann\ngone.mp4,no,ann\nfifo.mp4,no,ann\nlink.mp4,no,ann\n../secret.mp4,no,ann\n,no,ann\n"
        )
    rows, _, report = read_source(make_config(root=own_videos))
    assert report.counts() == {"duplicate_id": 1, "malformed": 1, "missing": 1, "path": 3}
    assert (report.listed, report.kept, report.filtered) == (18, 16, 0)
    assert [issue.kind for issue in report.issues if issue.faulty] == ["malformed"]
    # preprocess quarantines these by name and reason
    assert {row.path for row in rows} >= {"gone.mp4", "fifo.mp4", "link.mp4", "../secret.mp4"}
    assert len(rows) == 16


def test_absolute_paths_count_where_they_lie_in_the_folder_and_lead_nowhere_else(own_videos, write_mp4, make_config):
    write_mp4(own_videos / "sub" / "in.mp4", num_frames=2)
    write_mp4(own_videos.parent / "out.mp4", num_frames=2)
    (own_videos / "link.mp4").symlink_to(own_videos.parent / "out.mp4")
    (own_videos / "linked").symlink_to(own_videos.parent)
    outside = [f"{own_videos.parent}/out.mp4", f"{own_videos}-too/a.mp4", "/etc/passwd"]
    led = [f"{own_videos}/../out.mp4", f"{own_videos}/link.mp4", f"{own_videos}/linked/out.mp4", f"{own_videos}/."]
    paths = [f" {own_videos}/sub/in.mp4", f"{own_videos}//ann-no.mp4", *outside, *led, "sub\\in.mp4"]
    (own_videos / "manifest.csv").write_text("path,text\n" + "".join(f"{p},w{n}\n" for n, p in enumerate(paths)))
    rows, _, report = read_source(make_config(root=own_videos))
    assert [(row.clip_id, row.path) for row in rows[:2]] == [("sub/in", "sub/in.mp4"), ("ann-no", "ann-no.mp4")]
    assert [issue.kind for issue in report.issues] == ["path"] * 7 + ["missing"]
    assert {issue.message for issue in report.issues[:3]} == {f"an absolute path; write it relative to {own_videos}"}
    assert report.issues[-1].message.endswith("separated by /, not by \\")


def test_missing_videos_of_a_set_that_loses_them_are_reported_but_not_listed(tmp_path, write_mp4, make_config):
    ids = ["00001", "00002", "00003"]
    write_mp4(tmp_path / "videos" / "00002.mp4", num_frames=2)
    entry = {"frame_start": 1, "frame_end": -1, "split": "train", "signer_id": 1, "bbox": [0, 0, 9, 9]}
    instances = [{**entry, "video_id": video_id} for video_id in ids]
    (tmp_path / "WLASL_v0.3.json").write_text(json.dumps([{"gloss": "book", "instances": instances}]))
    rows, _, report = read_source(make_config(source="wlasl", root=tmp_path))
    assert [row.clip_id for row in rows] == ["00002"]
    assert [(issue.kind, issue.clip_id) for issue in report.issues] == [("missing", "00001"), ("missing", "00003")]
    assert report.summary() == "wlasl: 3 clips listed, 1 kept, 2 missing"
    assert report.faulty == 0  # nobody's mistake
    with pytest.raises(UserError, match=r"comes under C-UDA 1.0 \(WLASL\).*data.licence_acknowledged: true"):
        read_source(make_config(source="wlasl", root=tmp_path, licence_acknowledged=False))


def test_half_a_surrogate_pair_is_reported(tmp_path, write_mp4, make_config):
    write_mp4(tmp_path / "videos" / "x.mp4", num_frames=2)
    spans = [{"url": "http://e.org/x", "start_time": 0, "end_time": 1, "text": text} for text in ("ok", "\ud83d")]
    (tmp_path / "MSASL_train.json").write_text(json.dumps(spans))
    rows, _, report = read_source(make_config(source="ms_asl", root=tmp_path))
    assert [row.text for row in rows] == ["ok"]
    assert report.counts() == {"malformed": 1}


def test_lines_that_cannot_be_read_are_listed(own_videos, make_config):
    with (own_videos / "manifest.csv").open("a") as file:
        file.write("\nann-no.mp4\nann-no.mp4,no,ann,one too many")
    _, _, report = read_source(make_config(root=own_videos))
    assert report.summary() == "manifest: 14 clips listed, 12 kept, 2 malformed"
    assert report.faulty == 2


class WordOfItsOwn(FolderManifest):
    """A reader that hands on its data set's own word for a split."""

    def read(self, root, subset, report):
        for clip_id, split in (("a", "train"), ("b", "dev"), ("c", "\ud83d"), ("d", "")):
            yield SourceClip(clip_id, f"{clip_id}.mp4", "hello", clip_id, split=split)


def test_a_split_that_no_manifest_can_hold_costs_its_clip(tmp_path):
    """Preprocess would refuse the whole manifest."""
    clips, report = list_clips(WordOfItsOwn(), tmp_path, None)
    assert [clip.clip_id for clip in clips] == ["a", "d"]
    refused = [(issue.clip_id, issue.message) for issue in report.issues if issue.kind == "malformed"]
    assert refused == [
        ("b", "split 'dev' is none of train, val, test"),
        ("c", "split '\\ud83d' is none of train, val, test"),
    ]


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (lambda tmp: tmp / "absent", r"data.root = .*absent does not exist"),
        (lambda tmp: tmp / "file", r"data.root = .*file is not a folder"),
        (lambda tmp: tmp / "empty", r"data.root = .*empty is empty"),
        (lambda tmp: tmp / "other", r"data.root = .*other is not laid out as wlasl: expected WLASL_v0.3.json"),
    ],
)
def test_a_root_that_cannot_be_used_is_named(tmp_path, make_config, root, message):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").write_text("")
    with pytest.raises(UserError, match=message):
        read_source(make_config(source="wlasl", root=root(tmp_path)))


def test_the_wrong_source_gets_a_hint_and_an_unknown_one_the_list(own_videos, make_config):
    with pytest.raises(UserError, match=r"it looks like data.source: manifest"):
        read_source(make_config(source="how2sign", root=own_videos))
    with pytest.raises(UserError, match=r"choose auto, asl_citizen"):
        locate("imagenet", own_videos)


def test_nothing_there_at_all_names_the_first_gap(tmp_path, make_config):
    (tmp_path / "manifest.csv").write_text("path,text\na.mp4,hello\n")
    with pytest.raises(UserError, match=r"of 1 listed clips not one can be used; first: no such file"):
        read_source(make_config(root=tmp_path))


def test_a_folder_that_unpacking_left_is_entered(own_videos, make_config):
    outer = own_videos.parent / "outer"
    (outer / "inner").mkdir(parents=True)
    own_videos.rename(outer / "inner" / "mine")
    reader, root = locate("auto", outer)
    assert (reader.name, root) == ("manifest", outer / "inner" / "mine")
    _, source, _ = read_source(make_config(root=outer))
    assert source["media_root"] == str(outer / "inner" / "mine")


class TestSplitKey:
    def test_given_splits_are_kept_and_shared_signers_named(self, own_videos, make_config):
        text = (own_videos / "manifest.csv").read_text().splitlines()
        shared = [f"{line},{split}" for line, split in zip(text[1:], ["train", "val", "test"] * 4, strict=True)]
        (own_videos / "manifest.csv").write_text("\n".join([f"{text[0]},split", *shared]))
        rows, source, _ = read_source(make_config(root=own_videos))
        assert [row.split for row in rows] == ["train", "val", "test"] * 4
        assert source["split_key"] == "video"
        assert any("same signer may be in two splits" in note for note in source["notes"])
        _, source, _ = read_source(make_config(root=own_videos, split_key="signer"))
        assert source["split_key"] == "signer"

    def test_given_in_part_is_refused(self, own_videos, make_config):
        (own_videos / "manifest.csv").write_text("path,text,split\nann-no.mp4,no,train\nann-yes.mp4,yes,\n")
        with pytest.raises(UserError, match=r"1 of 2 clips name no split \(first: ann-yes\)"):
            read_source(make_config(root=own_videos))

    def test_unknown_signers_fall_back_to_the_video_and_say_so(self, own_videos, make_config):
        text = (own_videos / "manifest.csv").read_text().replace("signer", "who")
        (own_videos / "manifest.csv").write_text(text)
        rows, source, _ = read_source(make_config(root=own_videos, split_key="signer"))
        assert source["split_key"] == "video"
        assert any("splits are made by video" in note for note in source["notes"])
        assert {row.split for row in rows} == {"train", "val", "test"}

    def test_spans_of_one_video_stay_together(self, own_videos, make_config):
        lines = [f"{n % 4}.mp4,sentence {n},{n},{n + 1}" for n in range(12)]
        for number in range(4):
            (own_videos / f"{number}.mp4").write_bytes((own_videos / "ann-no.mp4").read_bytes())
        (own_videos / "manifest.csv").write_text("\n".join(["path,text,start,end", *lines]))
        rows, source, _ = read_source(make_config(root=own_videos, split_key="video"))
        split_of = {row.path: row.split for row in rows}
        assert all(row.split == split_of[row.path] for row in rows)
        assert set(split_of.values()) == {"train", "val", "test"}
        assert source["split_key"] == "video"


def test_filters_from_the_configuration(own_videos, make_config):
    rows, _, report = read_source(make_config(root=own_videos, signs=["Hello", "book"], max_clips=4))
    assert sorted(row.sign for row in rows) == ["book", "book", "hello", "hello"]
    assert (report.listed, report.kept, report.filtered) == (12, 4, 8)
    with pytest.raises(UserError, match=r"data.signs and data.min_clips_per_sign = 9 leave none of 12 clips"):
        read_source(make_config(root=own_videos, min_clips_per_sign=9))


def test_every_reader_says_what_it_looks_for_and_recognises_nothing_in_a_strange_folder(tmp_path):
    (tmp_path / "stray.mp4").write_bytes(b"")
    (tmp_path / "sub").mkdir()
    for reader in READERS:
        assert reader.layout
        assert not reader.detect(tmp_path)


def test_a_replaced_file_is_noticed_when_the_folder_is_read_again(own_videos, write_mp4, make_config, tmp_path):
    """DVC looks at data/raw alone; without a trace of the media there it would keep the old clips."""
    config = make_config(root=own_videos)

    def raw() -> dict[str, bytes]:
        acquire_source(config, tmp_path / "raw")
        return {path.name: path.read_bytes() for path in (tmp_path / "raw").iterdir()}

    before = raw()
    assert raw() == before
    write_mp4(own_videos / "ann-hello.mp4", num_frames=5)
    after = raw()
    assert {name for name in before if after[name] != before[name]} == {"media.json"}
    found = json.loads(after["media.json"])
    assert (found["files"], found["bytes"]) == (12, sum(path.stat().st_size for path in own_videos.glob("*.mp4")))


def test_signs_that_share_a_prompt_and_clips_without_a_sign_are_told_of(tmp_path, write_mp4, caplog, make_config):
    rows = ["path,text,sign", "0.mp4,Haus,HAUS1", "1.mp4,haus,HAUS2", "2.mp4,Baum,BAUM", "3.mp4,Baum,"]
    for number in range(4):
        write_mp4(tmp_path / "mine" / f"{number}.mp4", num_frames=2)
    (tmp_path / "mine" / "manifest.csv").write_text("\n".join(rows))
    _, report = list_clips(FolderManifest(), tmp_path / "mine", None)
    assert report.notes == [
        "1 of 4 clips name no sign (first: 3): prompts are taken as sentences",
        "1 captions stand for more than one sign each (HAUS1/HAUS2): no prompt asks for one of them alone",
    ]
    read_source(make_config(source="manifest", root=str(tmp_path / "mine"), min_clips_per_sign=1))
    assert set(report.notes) <= {record.message for record in caplog.records if record.levelname == "WARNING"}
