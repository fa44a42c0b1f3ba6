import os

import hypothesis
import hypothesis.strategies as st
import pytest

from keras_pose.media import inputs

JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
MP4 = bytes(4) + b"ftypisom" + bytes(20)
HEIC = bytes(4) + b"ftypheic" + bytes(20)
AVI = b"RIFF" + bytes(4) + b"AVI " + bytes(20)
MKV = b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska" + bytes(20)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    return write


def found(*names):
    return inputs.find(list(names))


def test_photos_keep_the_order_in_which_they_are_given(folder):
    folder(b_jpg=JPEG, a_png=JPEG)
    assert found("b.jpg", "a.png") == (
        "photos",
        ("b.jpg", "a.png"),
        None,
        (),
    )


def test_a_folder_gives_its_images_in_natural_order(folder):
    folder(
        in__shot10_jpg=JPEG,
        in__shot9_JPG=JPEG,
        in__shot1_png=b"damaged, yet named a photo",
        in__nameless=JPEG,
        in__notes_txt=b"BM is how they begin",
        in__clip_mp4=MP4,
    )
    os.mkdir("in/below")
    open("in/below/c.jpg", "wb").close()
    open("in/._shot1.jpg", "wb").close()
    result = found("in")
    names = ["nameless", "shot1.png", "shot9.JPG", "shot10.jpg"]
    assert result.paths == tuple(os.path.join("in", name) for name in names)
    assert result.notes == ("in: 2 files that are no image were not taken",)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("in/*.jpg", ["in/shot9.jpg", "in/shot10.jpg"]),
        ("**/*.jpg", ["in/shot9.jpg", "in/shot10.jpg", "z.jpg"]),
        ("in/shot?.*", ["in/shot9.jpg"]),
        ("in/*", ["in/shot9.jpg", "in/shot10.jpg"]),
    ],
)
def test_a_pattern_that_the_shell_left_is_followed(folder, pattern, names):
    folder(in__shot10_jpg=JPEG, in__shot9_jpg=JPEG, z_jpg=JPEG)
    os.mkdir("in/below")
    assert found(pattern).paths == tuple(names)


def test_a_name_with_brackets_is_a_name_first(folder):
    folder(a_jpg=JPEG)
    os.rename("a.jpg", "[a].jpg")
    assert found("[a].jpg").paths == ("[a].jpg",)


@pytest.mark.parametrize(
    ("content", "name"),
    [(MP4, "a.mp4"), (MP4, "a.jpg"), (AVI, "a.avi"), (MKV, "a.x")],
)
def test_a_video_is_known_by_its_beginning(folder, content, name):
    folder(**{name.replace(".", "_"): content})
    assert found(name) == ("video", (name,), None, ())
    assert found(name[:-1] + "*") == ("video", (name,), None, ())


def test_one_path_need_be_no_list(folder, tmp_path):
    folder(a_mp4=MP4)
    assert inputs.find("a.mp4").kind == "video"
    assert inputs.find(tmp_path / "a.mp4").kind == "video"


def test_a_number_is_a_camera_unless_there_is_a_file(folder):
    assert found("0") == ("camera", (), 0, ())
    assert found("12").camera == 12
    folder(**{"0": JPEG})
    assert found("0").kind == "photos"


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["a.mp4", "a.jpg"], "photos alone, one video.*: a.mp4, a.jpg"),
        (["a.mp4", "a.mp4"], "photos alone, one video.*: a.mp4, a.mp4"),
        (["0", "1"], "one camera.*: camera 0, camera 1"),
        (["0", "a.jpg"], "one camera.*: camera 0, a.jpg"),
        (["a.jpg"] * 9 + ["0"], "(a.jpg, ){3}a.jpg and 6 more"),
        ([], "`inputs` must name .*none"),
        (["empty"], "empty: must hold one image or more. Received: no"),
        (["texts"], "texts: must hold one image or more. Received: 1 other"),
        (["phone"], "phone: must hold .* 1 other files, HEIC.*as JPEG"),
        (["x*.jpg"], r"x\*.jpg: must hold one photo or video"),
        (["a.txt"], r"a.txt: must be a photo .* or a video .*: b'some"),
        (["a.heic"], "a.heic: must be a photo.* HEIC photo: export"),
        (["a.mp3"], "a.mp3: must be a photo .*sound, which holds no picture"),
        (["rtsp://host/live"], "on this machine: download.*: rtsp://host/"),
        (["pipe"], "pipe: cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused(folder, names, reason):
    folder(
        a_jpg=JPEG,
        a_mp4=MP4,
        a_txt=b"some words",
        a_heic=HEIC,
        a_mp3=b"ID3\x04" + bytes(30),
        texts__a_txt=b"some words",
        phone__a_HEIC=HEIC,
    )
    os.mkdir("empty")
    os.mkfifo("pipe")
    with pytest.raises(ValueError, match=reason):
        found(*names)


@pytest.mark.parametrize("name", ["b.jpg", "no/where", "-1", "0.5", "1234"])
def test_what_is_not_there_is_named(folder, name):
    with pytest.raises(FileNotFoundError, match=f"{name}: no such file"):
        found(name)


def test_natural_order():
    names = ["a2", "A10", "a1b20", "a1b3", "b", "007", "7"]
    ordered = ["007", "7", "a1b3", "a1b20", "a2", "A10", "b"]
    assert sorted(names, key=inputs.natural_key) == ordered


@hypothesis.given(st.lists(st.text(max_size=8)))
def test_any_names_can_be_ordered(names):
    ordered = sorted(names, key=inputs.natural_key)
    assert sorted(reversed(names), key=inputs.natural_key) == ordered
