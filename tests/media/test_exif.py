import io
import math

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from keras_pose.media import exif
from keras_pose.media import photos

TAG = ExifTags.Base


def photo(size=(300, 200), orientation=None, form="JPEG", **tags):
    """Bytes of a photo of (width, height) px with these tags."""
    notes = Image.Exif()
    if orientation:
        notes[TAG.Orientation] = orientation
    for name, value in tags.items():
        notes.get_ifd(ExifTags.IFD.Exif)[TAG[name]] = value
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, form, exif=notes)
    return file.getvalue()


def found(size=(300, 200), upright=None, **tags):
    upright = upright or size
    return exif.intrinsics_of(photo(size, **tags), "a.jpg", upright[::-1])


# Half the angle across the diagonal of film is atan(21.63 / f), and so it is
# across the picture's: at f = 21.63 mm half a diagonal away is 45 degrees.
HALF_FILM_MM = math.sqrt(36**2 + 24**2) / 2


@pytest.mark.parametrize("size", [(300, 400), (4000, 3000), (500, 500)])
def test_film_means_an_equal_angle_across_the_diagonal(size):
    matrix, source = found(size, FocalLengthIn35mmFilm=26)
    half = math.sqrt(size[0] ** 2 + size[1] ** 2) / 2
    angle = math.atan(half / matrix[0, 0])
    assert angle == pytest.approx(math.atan(HALF_FILM_MM / 26))
    assert matrix[1, 1] == matrix[0, 0]
    assert source == "EXIF: 26 mm in 35 mm film"
    np.testing.assert_array_equal(
        matrix[:, 2], [(size[0] - 1) / 2, (size[1] - 1) / 2, 1]
    )
    assert matrix[0, 1] == matrix[1, 0] == matrix[2, 0] == matrix[2, 1] == 0


def test_a_known_phone_has_the_known_focal_length():
    # 4032 x 3024 px, diagonal 5040: 26 / 43.267 of it.
    matrix, _ = found((4032, 3024), FocalLengthIn35mmFilm=26)
    assert matrix[0, 0] == pytest.approx(3028.6, abs=0.1)


@pytest.mark.parametrize(
    ("unit", "resolution"), [(2, 2540), (3, 1000), (4, 100), (5, 0.1)]
)
def test_a_sensor_tells_in_any_unit(unit, resolution):
    # 100 px per mm of sensor: 5.5 mm are 550 px.
    matrix, source = found(
        FocalLength=5.5,
        FocalPlaneXResolution=IFDRational(resolution),
        FocalPlaneResolutionUnit=unit,
    )
    assert matrix[0, 0] == pytest.approx(550)
    assert source == "EXIF: 5.5 mm, a sensor of 100 pixels per mm"


def test_a_sensor_counts_inches_where_nothing_is_said():
    matrix, _ = found(FocalLength=10, FocalPlaneXResolution=2540)
    assert matrix[0, 0] == pytest.approx(1000)


def test_film_goes_before_the_sensor():
    tags = {"FocalLength": 10, "FocalPlaneXResolution": 2540}
    _, source = found(FocalLengthIn35mmFilm=50, **tags)
    assert source == "EXIF: 50 mm in 35 mm film"
    _, source = found(FocalLengthIn35mmFilm=0, **tags)
    assert source.startswith("EXIF: 10 mm, a sensor")


TAKEN = {"ExifImageWidth": 600, "ExifImageHeight": 400}


def test_a_resized_photo_keeps_its_angle():
    film = {"FocalLengthIn35mmFilm": 35}
    whole, _ = found((600, 400), **film, **TAKEN)
    half, _ = found((300, 200), **film, **TAKEN)
    assert half[0, 0] == pytest.approx(whole[0, 0] / 2)
    sensor = {"FocalLength": 10, "FocalPlaneXResolution": 2540}
    half, _ = found((300, 200), **sensor, **TAKEN)
    assert half[0, 0] == pytest.approx(500)


@pytest.mark.parametrize("size", [(299, 200), (67, 44), (67, 45), (200, 300)])
def test_a_side_rounded_or_turned_is_no_cut(size):
    assert found(size, FocalLengthIn35mmFilm=35, **TAKEN) is not None


@pytest.mark.parametrize("size", [(400, 400), (600, 360), (590, 400)])
def test_a_cropped_photo_says_nothing(size):
    assert found(size, FocalLengthIn35mmFilm=35, **TAKEN) is None


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"FocalLengthIn35mmFilm": 0},
        {"FocalLengthIn35mmFilm": 65535},
        {"FocalLengthIn35mmFilm": 1},
        {"FocalLength": 5.5},
        {"FocalLength": 5.5, "FocalPlaneXResolution": IFDRational(1, 0)},
        {"FocalLength": IFDRational(0, 0), "FocalPlaneXResolution": 2540},
        {"FocalLength": 5.5, "FocalPlaneXResolution": 10**9},
        {
            "FocalLength": 5.5,
            "FocalPlaneXResolution": 2540,
            "FocalPlaneResolutionUnit": 1,
        },
    ],
)
def test_nonsense_says_nothing(tags):
    assert found(**tags) is None


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_other_formats_have_notes_too(form):
    encoded = photo(orientation=1, form=form, FocalLengthIn35mmFilm=35)
    assert exif.intrinsics_of(encoded, "a", (200, 300)) is not None


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_photo_has_its_centre_where_it_is_seen(tmp_path, orientation):
    path = tmp_path / "a.jpg"
    notes = {"FocalLengthIn35mmFilm": 35, **TAKEN}
    path.write_bytes(photo((600, 400), orientation, **notes))
    frame = photos.read_photo(str(path))
    height, width = (600, 400) if orientation > 4 else (400, 600)
    assert frame.image.shape == (height, width, 3)
    centre = [(width - 1) / 2, (height - 1) / 2]
    np.testing.assert_array_equal(frame.intrinsics[:2, 2], centre)
    focal = 35 / (2 * HALF_FILM_MM) * math.hypot(600, 400)
    assert frame.intrinsics[0, 0] == pytest.approx(focal)
    assert frame.intrinsics[1, 1] == pytest.approx(focal)
    assert frame.intrinsics_from == "EXIF: 35 mm in 35 mm film"
    assert frame.time_s is None
