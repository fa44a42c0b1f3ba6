import dataclasses
import hashlib

import cv2
import numpy as np
import pytest

from keras_pose.data import conversion
from keras_pose.data import cropping
from keras_pose.data import proof
from keras_pose.data.store import Records
from keras_pose.skeleton import H36M_17


def decoded(sample):
    encoded = np.frombuffer(sample.image, np.uint8)
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]


def disc_sample(make_sample, centre, box, **fields):
    """A white disc on black, which is the person's nose."""
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(image, centre, 12, (255, 255, 255), -1, cv2.LINE_AA)
    encoded = cv2.imencode(".png", image)[1].tobytes()
    sample = make_sample(image=encoded, box=np.float32(box), **fields)
    sample.joints_px[:] = centre
    return sample


@pytest.mark.parametrize("size", [64, 100, 500])
def test_a_joint_stays_on_what_it_marks(make_sample, size):
    sample = disc_sample(make_sample, (250, 140), [200, 60, 90, 160])
    cut = cropping.crop_sample(sample, size, 1.5)
    image = decoded(cut)
    assert image.shape == (min(size, 240),) * 2 + (3,)
    weight = image[..., 0] / image[..., 0].sum(dtype=float)
    rows, columns = np.indices(weight.shape)
    middle = [np.sum(columns * weight), np.sum(rows * weight)]
    np.testing.assert_allclose(cut.joints_px[0], middle, atol=0.1)


def test_the_crop_is_the_image_of_a_camera(make_sample):
    sample = make_sample(
        seed=3, distortion=np.float32([-0.2, 0.1, 0.01, -0.02, 0.0])
    )
    projected, _ = cv2.projectPoints(
        np.float64(sample.joints_mm),
        np.zeros(3),
        np.zeros(3),
        np.float64(sample.intrinsics),
        np.float64(sample.distortion),
    )
    sample.joints_px = np.float32(projected[:, 0])
    cut = cropping.crop_sample(sample, 32, 1.4)
    assert not np.allclose(cut.intrinsics, sample.intrinsics)
    np.testing.assert_array_equal(cut.joints_mm, sample.joints_mm)
    assert proof.reprojection_error(cut) < 1e-4
    proof.check_sample(cut, H36M_17)


def test_the_box_and_the_head_shrink_with_the_image(make_sample):
    sample = disc_sample(make_sample, (250, 140), [200, 60, 80, 160])
    cut = cropping.crop_sample(
        dataclasses.replace(sample, head_size=np.float32(30)), 100, 1.25
    )
    # 200 px around (240, 140) become 100.
    np.testing.assert_allclose(cut.box, [30, 10, 40, 80], atol=1e-4)
    assert cut.head_size == pytest.approx(15)


def test_nobody_is_enlarged(make_sample):
    sample = disc_sample(make_sample, (250, 140), [200, 60, 80, 160])
    cut = cropping.crop_sample(sample, 1000, 1.25)
    assert decoded(cut).shape == (200, 200, 3)
    np.testing.assert_allclose(cut.box, [60, 20, 80, 160], atol=1e-4)
    inside = decoded(sample)[40:240, 140:340].astype(int)
    assert np.abs(decoded(cut) - inside).mean() < 1  # JPEG's own loss


def test_what_is_not_known_stays_so(make_sample):
    sample = disc_sample(make_sample, (250, 140), [200, 60, 80, 160])
    sample.weight_2d[4:] = 0
    sample.joints_px[4:] = 0
    sample.intrinsics[:] = 0
    cut = cropping.crop_sample(sample, 64, 1.5)
    assert cut.joints_px[:4].all()
    assert not cut.joints_px[4:].any()
    assert not cut.intrinsics.any()


def test_a_cropped_source_converts_in_order(make_sample, make_source, tmp_path):
    samples = [make_sample(seed) for seed in range(9)]
    source = cropping.cropped(make_source(samples), 40, 1.5)
    conversion.convert(source, tmp_path / "out", 4)
    records = Records([str(tmp_path / "out")])
    names = [records.name(number) for number in range(9)]
    assert names == [sample.name for sample in samples]


def test_a_damaged_image_is_named(make_sample, make_source, tmp_path):
    samples = [make_sample(0), make_sample(1, image=b"\xff\xd8 no JPEG")]
    source = cropping.cropped(make_source(samples), 40, 1.5)
    with pytest.raises(ValueError, match="images/1.jpg: not an image"):
        conversion.convert(source, tmp_path / "out")


def test_a_crop_keeps_the_digest_of_its_picture(make_sample):
    sample = make_sample(0)
    digest = hashlib.blake2b(sample.image, digest_size=16).digest()
    once = cropping.crop_sample(sample, 40, 1.5)
    assert once.image != sample.image
    assert once.picture == digest
    assert cropping.crop_sample(once, 20, 1.2).picture == digest


@pytest.mark.parametrize(
    ("size", "margin", "message"),
    [
        (0, 1.5, "`size`.*Received: 0"),
        (64, 0.9, "`margin`.*Received: 0.9"),
        (64, float("nan"), "`margin`.*Received: nan"),
    ],
)
def test_wrong_arguments_are_named(make_source, size, margin, message):
    with pytest.raises(ValueError, match=message):
        cropping.cropped(make_source([]), size, margin)
