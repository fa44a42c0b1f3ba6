import pathlib

import cv2
import numpy as np
import pytest

from keras_pose.data.augmentation import Augmentation
from keras_pose.data.conversion import convert
from keras_pose.data.objects import load_objects
from keras_pose.data.sources.source import Source
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17

SIZE = 64


def smooth_image(seed, height, width):
    """Soft blots of colour, as photos have them."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def pictures(request):
    """Six images: photos where there are some, else soft blots."""
    folder = request.config.rootpath.parent / "shared" / "data" / "lsp"
    paths = sorted(folder.glob("images/*.jpg"))[:6]
    if paths:
        return [cv2.imread(str(path))[..., ::-1].copy() for path in paths]
    return [smooth_image(seed, 96, 80 + 16 * seed) for seed in range(6)]


@pytest.fixture
def objects_folder(tmp_path):
    """A folder with a PNG and a WebP that can be pasted."""
    folder = tmp_path / "objects"
    folder.mkdir()
    ring = np.zeros((60, 90, 4), np.uint8)
    cv2.circle(ring, (45, 30), 28, (40, 120, 250, 255), -1)
    cv2.circle(ring, (30, 20), 10, (240, 20, 50, 128), -1)
    cv2.imwrite(str(folder / "a.png"), ring)
    cv2.imwrite(str(folder / "b.webp"), ring[::-1])
    return str(folder)


@pytest.fixture
def every_operation(objects_folder):
    """The fields of an Augmentation, operation by operation."""
    objects = load_objects(objects_folder, 24)
    return {
        "warp": {"rotation": 30.0, "flip": 0.5, "scale": 0.3, "shift": 0.1},
        "stretch": {"stretch": 0.25, "constant_shift": 0.05},
        "hue_saturation": {"hue_saturation": 60},
        "contrast": {"contrast": 0.3},
        "brightness": {"brightness": 0.5},
        "grey": {"grey": 0.6},
        "paste": {"paste": 0.8, "objects": objects},
        "erase": {"erase": 0.8},
        "blur": {"blur": 0.8, "blur_length": 7},
        "jpeg": {"jpeg": 0.8, "jpeg_quality": 20},
    }


@pytest.fixture
def full(every_operation):
    """An Augmentation that does everything."""
    fields = {k: v for row in every_operation.values() for k, v in row.items()}
    return Augmentation(**fields)


@pytest.fixture
def spec_of():
    """Gives `(volume, margin) -> PoseSpec` of 32 px."""

    def spec_of(volume, margin=1.25):
        return PoseSpec(H36M_17, volume, 32, margin, (0.0,) * 17)

    return spec_of


@pytest.fixture
def make_dataset(tmp_path, make_sample):
    """Gives `(name, count, skeleton, first, **fields) -> folder`."""

    def make(name, count, skeleton=H36M_17, first=0, **fields):
        samples = [
            make_sample(seed, name=f"{name}/{seed}.jpg", **fields)
            for seed in range(first, first + count)
        ]
        source = Source("made", skeleton, count, samples)
        convert(source, tmp_path / name, samples_per_shard=3)
        return str(tmp_path / name)

    return make


@pytest.fixture
def damage_shard():
    """Gives `(folder, record of the first shard) -> path of the shard`."""

    def damage(folder, index):
        shard = sorted(pathlib.Path(folder).glob("*.tfrecord"))[0]
        lengths = np.load(shard.parent / "lengths.npy")
        content = bytearray(shard.read_bytes())
        content[int(np.sum(lengths[:index] + 16)) + 500] ^= 1
        shard.write_bytes(content)
        return shard

    return damage
