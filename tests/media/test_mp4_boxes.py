import struct

import hypothesis
import hypothesis.strategies as st
import pytest

from keras_pose.media import mp4_boxes


def box(name, *bodies, size=None):
    body = b"".join(bodies)
    return struct.pack(">I", size or 8 + len(body)) + name + body


def large(name, *bodies):
    body = b"".join(bodies)
    return struct.pack(">I4sQ", 1, name, 16 + len(body)) + body


def track(handler):
    header = box(b"hdlr", bytes(8), handler, bytes(12))
    return box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", header))


START = box(b"ftyp", b"isom", bytes(4))


@pytest.fixture
def check(tmp_path):
    def run(*boxes):
        (tmp_path / "a.mp4").write_bytes(b"".join(boxes))
        return mp4_boxes.check_picture(str(tmp_path / "a.mp4"))

    return run


@pytest.mark.parametrize(
    "boxes",
    [
        [box(b"moov", track(b"vide"))],
        [box(b"moov", track(b"soun"), track(b"vide"))],
        [large(b"mdat", bytes(50)), box(b"moov", track(b"vide"))],
        [large(b"moov", track(b"vide"))],
        [box(b"moov", track(b"vide")), box(b"mdat", bytes(9), size=10**6)],
        [box(b"moov", b"what?")],  # OpenCV is to judge
    ],
)
def test_what_may_have_a_picture_passes(check, boxes):
    check(START, *boxes)


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        ([box(b"moov", track(b"soun"))], "sound alone"),
        ([box(b"moov", track(b"text"))], "no video track"),
        ([box(b"mdat", track(b"vide"))], "without its index"),
        ([box(b"mdat", bytes(9), size=10**6)], "without its index"),
        ([], "without its index"),
    ],
)
def test_what_has_no_picture_is_refused(check, boxes, reason):
    with pytest.raises(ValueError, match=rf"a\.mp4: must .*{reason}"):
        check(START, *boxes)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (box(b"mdat", bytes(9)), False),
        (box(b"mdat", bytes(9), size=18), True),
        (large(b"mdat", bytes(9))[:-1], True),
        (struct.pack(">I4s", 0, b"mdat") + bytes(9), False),
        (struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1), True),
    ],
    ids=["whole", "cut", "large cut", "to the end", "huge"],
)
def test_a_file_is_cut_off_where_its_last_box_is(tmp_path, last, expected):
    (tmp_path / "a.mp4").write_bytes(START + last)
    assert mp4_boxes.is_cut_off(tmp_path / "a.mp4") == expected


@hypothesis.given(st.binary(max_size=200))
@hypothesis.settings(
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_any_bytes_are_walked_to_an_end(tmp_path, content):
    whole = box(b"moov", track(b"vide")) + box(b"moov", content) + content
    (tmp_path / "a.mp4").write_bytes(START + whole)
    mp4_boxes.check_picture(tmp_path / "a.mp4")
    assert mp4_boxes.is_cut_off(tmp_path / "a.mp4") in (True, False)
