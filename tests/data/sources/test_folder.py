import io
import json

import numpy as np
import pytest
from PIL import Image

from keras_pose.data.sources import folder
from keras_pose.data.sources.reading import csv_table
from keras_pose.skeleton import H36M_17
from tests.data.sources import made_others
from tests.data.sources import made_own
from tests.data.sources import made_pictures


@pytest.fixture
def write(tmp_path):
    """Gives `text or list -> root` with that table."""

    def make(table):
        made_own.write_folder_images(tmp_path)
        if isinstance(table, str):
            (tmp_path / "annotations.csv").write_text(table)
        else:
            (tmp_path / "annotations.json").write_text(json.dumps(table))
        return str(tmp_path)

    return make


def samples_of(root, **options):
    return list(folder.people(root, **options).samples)


@pytest.mark.parametrize("form", ["folder", "folder_json"])
def test_all_that_is_known_is_read(tmp_path, form):
    made_others.MADE[form](tmp_path)
    first, second = samples_of(str(tmp_path))
    right = made_own.folder_people()[0]
    assert first.image == made_pictures.jpeg(1)
    np.testing.assert_allclose(first.box, right["box"])
    np.testing.assert_allclose(first.intrinsics, made_pictures.INTRINSICS)
    np.testing.assert_allclose(first.distortion, right["distortion"])
    known = {H36M_17.joints.index(joint) for joint in right["joints_px"]}
    for field, weight in (
        ("joints_px", "weight_2d"),
        ("joints_mm", "weight_3d"),
    ):
        assert set(np.flatnonzero(getattr(first, weight))) == known
        for joint, place in right[field].items():
            index = H36M_17.joints.index(joint)
            np.testing.assert_allclose(
                getattr(first, field)[index], place, 1e-6
            )
    for field in ("head_size", "subject", "action", "camera", "frame"):
        assert getattr(first, field) == right[field]
    size = made_pictures.WIDTH, made_pictures.HEIGHT
    np.testing.assert_array_equal(second.box, [0, 0, *size])
    assert not second.weight_2d.any()
    assert not second.intrinsics.any()
    assert (second.subject, second.frame) == ("", 0)


def test_without_a_table_every_image_is_one_person(tmp_path):
    made_own.write_folder_images(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    source = folder.people(str(tmp_path), skeleton="mpii_16")
    first, second = source.samples
    assert source.count == 2
    assert "no table" in source.notes[0]
    assert [first.name, second.name] == ["2.png", "deep/1.jpg"]
    assert first.joints_mm.shape == (16, 3)
    np.testing.assert_array_equal(
        second.box, [0, 0, made_pictures.WIDTH, made_pictures.HEIGHT]
    )


def test_the_example_of_the_docstring_is_read(tmp_path):
    lines = [line.strip() for line in folder.__doc__.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("image,"))
    (tmp_path / "annotations.csv").write_text("\n".join(lines[start:][:4]))
    for name in ("walk/001.jpg", "walk/002.jpg", "selfie.png"):
        made_pictures.write_jpeg(tmp_path / name)
    first, second, third = samples_of(str(tmp_path))
    wrist = H36M_17.joints.index("left_wrist")
    np.testing.assert_array_equal(first.joints_px[wrist], [352.5, 310])
    assert np.flatnonzero(first.weight_2d) == [wrist]
    assert not second.weight_2d.any()
    assert second.intrinsics[0, 0] == 1145
    assert not third.intrinsics.any()


def test_the_json_of_the_docstring_is_read(tmp_path):
    text = folder.__doc__
    text = text[text.index("[{") : text.index("}]") + 2]
    (tmp_path / "annotations.json").write_text(text)
    made_pictures.write_jpeg(tmp_path / "walk" / "001.jpg")
    (sample,) = samples_of(str(tmp_path))
    wrist = H36M_17.joints.index("left_wrist")
    np.testing.assert_allclose(
        sample.joints_mm[wrist], [-410.2, -511.7, 2890.3], rtol=1e-6
    )
    assert (sample.subject, sample.frame) == ("Ann", 1)


def test_a_spreadsheets_csv_is_read(write, tmp_path):
    root = write("")
    content = '\ufeffimage, subject\r\n2.png, "Ann, B."\r\n\r\n,\r\n'
    (tmp_path / "annotations.csv").write_bytes(content.encode())
    (sample,) = samples_of(root)
    assert sample.subject == "Ann, B."


def test_a_part_of_the_distortion_is_enough(write):
    table = "image,fx,fy,cx,cy,k2,p1\n2.png,100,101,50,51,0.5,\n"
    (sample,) = samples_of(write(table))
    np.testing.assert_array_equal(sample.distortion, [0, 0.5, 0, 0, 0])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "line 1: must have a column `image`"),
        ("subject\nAnn\n", "line 1: must have a column `image`"),
        ("image,x_px\n", "line 1: unknown column `x_px`"),
        (
            "image,left_writs_x_px\n",
            "line 1: unknown column `left_writs_x_px`; did you mean "
            "`left_wrist_x_px`",
        ),
        ("image,image\n", "line 1: column `image` stands twice"),
        ("image,frame\n2.png\n", "line 2: must have 2 cells.*Received: 1"),
        ("image,frame\n2.png,1.5\n", "line 2: column `frame` .*whole.* 1.5"),
        ("image,fx\n2.png,1\n", "line 2: column `fy` must be given with `fx`"),
        (
            "image,nose_x_px,nose_y_px\n2.png,1,2\n2.png,1,\n",
            "line 3: column `nose_y_px` must be given with `nose_x_px`",
        ),
        (
            "image,nose_x_px,nose_y_px\n2.png,1,b\n",
            "line 2: column `nose_y_px` must be a number. Received: b",
        ),
        (
            "image,nose_x_px,nose_y_px\n2.png,1,nan\n",
            "line 2: `joints_px`: `nose` must be finite",
        ),
        ("image,x,y,width,height\n2.png,1,2,0,4\n", "line 2: `box` .*positive"),
        ("image,fx,fy,cx,cy\n2.png,1,-2,0,4\n", "line 2: `intrinsics` .*posit"),
        ("image,k1\n2.png,1\n", "line 2: `distortion` must not be given with"),
        ("image,head_size\n2.png,-1\n", "line 2: `head_size` must not be neg"),
        ("image,subject\n,Ann\n", "line 2: `image` must be text"),
        ('image\n"2.png\n', "line 2: "),
        ("image\n" + "a" * 200000, "line 2: "),
    ],
)
def test_a_wrong_table_is_refused_by_line_and_column(write, table, message):
    root = write(table)
    with pytest.raises(ValueError, match=f"annotations.csv: {message}"):
        folder.people(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": [1, 2, 3, 4]}, "unknown key `boxes`; did you mean `box`"),
        ({"box": [1, 2, 3]}, "`box` must be 4 numbers"),
        ({"joints_px": {"nos": [1, 2]}}, "no joint `nos`; did you mean `nose`"),
        ({"joints_px": {"nose": [1, 2, 3]}}, "`nose` must be 2 numbers"),
        ({"joints_px": [[1, 2]]}, "`joints_px` must be an object"),
        ({"frame": "1"}, "`frame` must be a whole number"),
        ({"frame": True}, "`frame` must be a whole number"),
        ({"subject": 5}, "`subject` must be text"),
        ({"image": None}, "`image` must be text"),
    ],
)
def test_a_wrong_json_is_refused_by_item_and_key(write, change, message):
    root = write([{"image": "2.png"}, {"image": "2.png", **change}])
    with pytest.raises(
        ValueError, match=f"annotations.json: item 1: .*{message}"
    ):
        folder.people(root)


def test_null_is_not_known(write):
    people = [
        {"image": "2.png", "box": None, "subject": None, "joints_px": None},
        {"image": "2.png", "joints_mm": {"nose": None}, "subject": ""},
    ]
    first, second = samples_of(write(people))
    assert (first.subject, second.subject) == ("", "")
    assert not second.weight_3d.any()


def test_one_of_two_tables_must_be_named(write, tmp_path):
    write("image\n2.png\n")
    root = write([{"image": "2.png"}, {"image": "2.png"}])
    with pytest.raises(ValueError, match="`annotations` must name one"):
        folder.people(root)
    path = str(tmp_path / "annotations.json")
    assert folder.people(root, annotations=path).count == 2


def test_a_table_of_any_size_is_refused(write, monkeypatch):
    monkeypatch.setattr(csv_table, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="csv: must have at most 10 bytes"):
        folder.people(write("image\n2.png\n"))


def test_a_table_that_is_not_utf8_is_refused(write, tmp_path):
    root = write("")
    (tmp_path / "annotations.csv").write_bytes(
        b"image,subject\n2.png,J\xf6rg\n"
    )
    with pytest.raises(ValueError, match="annotations.csv: line .*utf-8"):
        folder.people(root)


def write_turned(path, orientation):
    """A photo, red above and blue below, as its camera saved it turned."""
    upright = np.zeros((60, 40, 3), np.uint8)
    upright[:30, :, 0] = upright[30:, :, 2] = 255
    # Orientation 6: viewers turn it clockwise; 3: by a half.
    saved = np.rot90(upright, {1: 0, 3: 2, 6: 1}[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(saved).save(path, exif=exif, quality=95)
    return path.read_bytes()


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_a_turned_photo_is_read_upright(tmp_path, table, name, orientation):
    write_turned(tmp_path / name, orientation)
    if table:
        text = f"image,subject,head_size\n{name},Ann,12\n"
        (tmp_path / "annotations.csv").write_text(text)
    (sample,) = samples_of(str(tmp_path))
    image = Image.open(io.BytesIO(sample.image))
    assert (image.size, image.format) == ((40, 60), "JPEG")
    assert not image.getexif()
    pixels = np.asarray(image).astype(int)
    assert abs(pixels[5, 20] - [255, 0, 0]).max() < 8
    assert abs(pixels[55, 20] - [0, 0, 255]).max() < 8
    np.testing.assert_array_equal(sample.box, [0, 0, 40, 60])


@pytest.mark.parametrize("orientation", [1, 3])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("box", [1, 2, 30, 30]),
        ("intrinsics", [50, 50, 20, 30]),
        ("joints_px", {"pelvis": [3, 4]}),
        ("joints_mm", {"pelvis": [3, 4, 3000]}),
    ],
)
def test_numbers_of_a_turned_photo_are_refused(
    tmp_path, field, value, orientation
):
    content = write_turned(tmp_path / "a.jpg", orientation)
    table = [{"image": "a.jpg", field: value}]
    (tmp_path / "annotations.json").write_text(json.dumps(table))
    if orientation == 1:
        (sample,) = samples_of(str(tmp_path))
        assert sample.image == content
        return
    with pytest.raises(ValueError, match=f"a.jpg: must be saved up.*`{field}`"):
        samples_of(str(tmp_path))
