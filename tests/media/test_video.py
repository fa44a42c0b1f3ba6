import cv2
import numpy as np
import pytest

from keras_pose import images
from keras_pose.media.frame import Selection
from keras_pose.media.reader import open_media
from keras_pose.media.video import Video
from tests.media import made_videos

COUNT = 40
CONSTANT = [number / 20 for number in range(COUNT)]
# Any milliseconds, some frames close and some far from each other.
STEPS_MS = np.random.default_rng(0).integers(5, 200, COUNT - 1)
VARIABLE = np.concatenate([[0], np.cumsum(STEPS_MS)]) / 1000


def read(path, **selection):
    with open_media([str(path)], **selection) as media:
        return list(media), media


def numbers(frames):
    """What the pixels of frames say."""
    return [made_videos.number_of(frame.image) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec", "between", "times"),
    [
        ("a.mp4", "libx264", 2, CONSTANT),
        ("a.mp4", "libx264", 2, VARIABLE),
        ("a.m4v", "mpeg4", 0, CONSTANT),
        ("a.mov", "libx264", 2, VARIABLE),
        ("a.avi", "mjpeg", 0, CONSTANT),
        ("a.avi", "mpeg4", 0, CONSTANT),
        ("a.avi", "mpeg4", 2, CONSTANT),
        ("a.mkv", "libx264", 2, VARIABLE),
        ("a.mkv", "libx264", 0, CONSTANT),
        ("a.webm", "libvpx", 0, VARIABLE),
    ],
)
def test_each_frame_has_its_number_and_its_time(
    tmp_path, name, codec, between, times
):
    made_videos.write(tmp_path / name, times, codec, between)
    frames, media = read(tmp_path / name)
    assert numbers(frames) == list(range(COUNT))
    assert [frame.name for frame in frames] == [
        f"{name}#{number}" for number in range(COUNT)
    ]
    found = [frame.time_s for frame in frames]
    np.testing.assert_allclose(found, times, atol=1e-6)
    assert frames[0].image.shape == (96, 128, 3)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].intrinsics is frames[0].intrinsics_from is None
    assert (media.kind, media.damaged, media.notes) == ("video", [], [])
    assert made_videos.corners_of(frames[7].image) == made_videos.CORNERS


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
def test_a_turned_video_is_read_upright(tmp_path, turned):
    path = tmp_path / "a.mp4"
    made_videos.write(path, CONSTANT[:3], "libx264", turned=turned)
    frames, _ = read(path)
    assert numbers(frames) == [0, 1, 2]
    for frame in frames:
        assert made_videos.corners_of(frame.image) == made_videos.CORNERS


@pytest.fixture
def path(tmp_path):
    made_videos.write(tmp_path / "a.mp4", VARIABLE, "libx264", 2)
    return tmp_path / "a.mp4"


def test_header_says_number_and_rate(tmp_path):
    made_videos.write(tmp_path / "a.mp4", CONSTANT)
    with open_media([str(tmp_path / "a.mp4")]) as media:
        assert (media.num_frames, media.frames_per_second) == (COUNT, 20)
    with open_media(str(tmp_path / "a.mp4"), 3, 0.5, 1.5) as media:
        assert media.num_frames == len(range(10, 30, 3)) == len(list(media))


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        ({"every": 7}, range(0, COUNT, 7)),
        ({"start_s": VARIABLE[11]}, range(11, COUNT)),
        ({"start_s": VARIABLE[11] + 0.001}, range(12, COUNT)),
        ({"end_s": VARIABLE[11]}, range(11)),
        ({"end_s": VARIABLE[11] + 0.001}, range(12)),
        (
            {"every": 3, "start_s": VARIABLE[5], "end_s": VARIABLE[20]},
            range(5, 20, 3),
        ),
    ],
)
def test_selected_frames_are_read(path, selection, wanted):
    frames, media = read(path, **selection)
    assert numbers(frames) == list(wanted)
    assert [frame.name for frame in frames] == [f"a.mp4#{i}" for i in wanted]
    np.testing.assert_allclose(
        [frame.time_s for frame in frames], VARIABLE[list(wanted)], atol=1e-6
    )
    assert media.damaged == media.notes == []


@pytest.mark.parametrize(
    "selection", [Selection(COUNT), Selection(1, VARIABLE[-1])]
)
def test_reading_can_be_stopped_at_each_frame(path, selection):
    video = Video(str(path), selection)
    items = list(video.frames())
    video.close()
    assert len(items) == COUNT
    assert sum(item is not None for item in items) == 1


def test_a_start_behind_the_end_is_refused(path):
    with pytest.raises(ValueError, match=r"`start_s`.*a\.mp4, 3\.\d+ s.*: 99"):
        read(path, start_s=99)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "mpeg4"), ("a.mkv", "mjpeg")]
)
def test_broken_frames_in_the_middle_are_left_out(tmp_path, name, codec):
    path = tmp_path / name
    made_videos.write(path, CONSTANT, codec)
    packets = made_videos.packets_of(path)
    # What is before them in a block belongs to the container.
    head = 8 if name == "a.mkv" else 0
    broken = [(place + head, size - head) for place, size in packets[15:18]]
    made_videos.overwrite(path, broken)
    frames, media = read(path)
    wanted = [*range(15), *range(18, COUNT)]
    assert [frame.name for frame in frames] == [f"{name}#{i}" for i in wanted]
    assert media.damaged == [f"{name}#15 to #17: could not be decoded"]
    # Those up to the next whole picture build on what was lost.
    whole = [*range(15), *range(20, COUNT)]
    assert numbers(frames[:15] + frames[17:]) == whole
    for frame, number in zip(frames, wanted, strict=True):
        assert frame.time_s == pytest.approx(CONSTANT[number])


def test_packets_that_cannot_be_split_keep_their_numbers(tmp_path):
    path = tmp_path / "a.mp4"
    made_videos.write(path, CONSTANT, "libx264", 2)
    made_videos.overwrite(path, made_videos.packets_of(path)[15:18])
    frames, media = read(path)
    assert [line.split(":")[0] for line in media.damaged]
    assert all("could not be decoded" in line for line in media.damaged)
    assert len(frames) == COUNT - 3
    for frame in frames:
        number = int(frame.name.split("#")[1])
        assert frame.time_s == pytest.approx(CONSTANT[number])
        if not 14 <= number < 20:
            assert made_videos.number_of(frame.image) == number


@pytest.mark.parametrize(
    ("name", "codec", "options", "share"),
    [
        ("a.mp4", "libx264", {"movflags": "faststart"}, 0.8),
        ("a.avi", "mpeg4", {}, 0.85),
        ("a.mkv", "mpeg4", {}, 0.7),
    ],
)
def test_of_a_cut_file_the_beginning_is_read(
    tmp_path, name, codec, options, share
):
    path = tmp_path / name
    made_videos.write(path, CONSTANT, codec, **options)
    made_videos.cut(path, share)
    frames, media = read(path)
    assert 5 < len(frames) < COUNT - 5
    assert numbers(frames[:-3]) == list(range(len(frames) - 3))
    assert len(media.damaged) == 1
    assert f"a.{name[2:]}: ended after {len(frames)} frames" in media.damaged[0]
    assert "header says 40 frames, 2.00 s" in media.damaged[0]


def test_a_lost_index_is_named(path):
    made_videos.cut(path, 0.5)
    with pytest.raises(ValueError, match=r"a\.mp4: .*moov.*cut short"):
        read(path)


def test_what_an_edit_cuts_away_is_no_damage(tmp_path):
    path = tmp_path / "a.mp4"
    made_videos.write(path, CONSTANT, "libx264")
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 12  # after version, flags and the count
    timescale = content.index(b"mdhd") + 16
    start = int.from_bytes(content[at + 4 : at + 8], "big")
    unit = int.from_bytes(content[timescale : timescale + 4], "big")
    content[at : at + 4] = (1000).to_bytes(4, "big")  # ms of the movie
    content[at + 4 : at + 8] = (start + unit * 7 // 20).to_bytes(4, "big")
    path.write_bytes(content)
    frames, media = read(path)
    assert numbers(frames) == list(range(7, 27))
    assert frames[0].name == "a.mp4#0"
    np.testing.assert_allclose(
        [frame.time_s for frame in frames], CONSTANT[:20], atol=1e-6
    )
    assert media.damaged == []
    assert "a.mp4: 20 of its 40 pictures are not shown" in media.notes[0]


@pytest.mark.parametrize("name", ["a.m4a", "a.mp4"])
def test_sound_alone_is_refused(tmp_path, name):
    made_videos.write_sound(tmp_path / name)
    with pytest.raises(ValueError, match=r"hold a picture.*sound alone"):
        read(tmp_path / name)


def test_damage_alone_is_refused(tmp_path):
    path = tmp_path / "a.avi"
    made_videos.write(path, CONSTANT[:10], "mpeg4")
    made_videos.overwrite(path, made_videos.packets_of(path))
    with pytest.raises(ValueError, match=r"a\.avi: must (have|be).*decoded"):
        read(path)


def test_a_size_that_changes_within_a_video_is_made_one(tmp_path):
    made_videos.write_sizes(tmp_path / "a.avi", [1, 2, 0.5, 3])
    frames, _ = read(tmp_path / "a.avi")
    assert {frame.image.shape for frame in frames} == {(96, 128, 3)}
    assert numbers(frames) == [0, 1, 2, 3]
    for frame in frames:
        assert made_videos.corners_of(frame.image) == made_videos.CORNERS


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        b"\x1aE\xdf\xa3\nv=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        b"RIFF....WAVEfmt ",
        b"....ftypheic....mif1",
        b"",
    ],
    ids=["playlist", "concat", "sdp", "mkv sdp", "wav", "heic", "empty"],
)
def test_what_is_no_video_is_not_opened(tmp_path, monkeypatch, content):
    (tmp_path / "a.mp4").write_bytes(content)
    monkeypatch.delattr(cv2, "VideoCapture")
    with pytest.raises(ValueError, match=r"a\.mp4: must be a photo.* video"):
        read(tmp_path / "a.mp4")


def test_a_frame_may_not_be_of_any_size(path, monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 128 * 96 - 1)
    with pytest.raises(ValueError, match="a.mp4: a frame must have at most"):
        read(path)
