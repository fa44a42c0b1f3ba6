"""What holds for every source, by a small data set of each."""

import os

import numpy as np
import pytest

from keras_pose.data import conversion
from keras_pose.data import records
from keras_pose.data import sources
from tests.data.sources import made_others
from tests.data.sources import made_pictures

# Read in a process of its own, which takes a while.
MATLAB = ("mpii_mat", "lsp", "lspet", "mpi_inf_3dhp")

# Samples of each, counted by hand.
COUNTS = {
    "coco": 3,
    "mpii": 3,
    "mpii_mat": 2,
    "lsp": 4,
    "lspet": 3,
    # Five of a video's six frames, and three pictures.
    "mpi_inf_3dhp": 8,
    "mpi_inf_3dhp_test": 4,
    "mpi_inf_3dhp_mmpose": 2,
    "muco": 3,
    "mupots": 3,
    "tfrecord": 2,
    "folder": 2,
    "folder_json": 2,
}
WITH_3D = {name for name in COUNTS if name.startswith(("mpi_", "mu"))}


def opened(name, root, **options):
    options = {**made_others.MADE[name](root), **options}
    source = made_others.SOURCE_OF.get(name, name)
    return sources.open_source(source, str(root), options)


@pytest.mark.parametrize("name", made_others.MADE)
def test_made_data_set_converts(tmp_path, name):
    source = opened(name, tmp_path / "in")
    info = conversion.convert(source, tmp_path / "out")
    assert (source.count, info.count) == (COUNTS[name], COUNTS[name])
    assert info.source == made_others.SOURCE_OF.get(name, name)
    assert records.read_info(tmp_path / "out").skeleton == source.skeleton


@pytest.mark.parametrize("name", made_others.MADE)
def test_made_samples_are_of_the_source_and_their_files(tmp_path, name):
    source = opened(name, tmp_path)
    pictures = {
        path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.suffix in (".jpg", ".png")
    }
    for sample in source.samples:
        assert sample.source == source.name
        assert isinstance(sample.frame, int)
        for text in (sample.subject, sample.action, sample.camera, sample.name):
            assert isinstance(text, str)
        if name == "tfrecord" or "video_0" in sample.name:
            continue  # these lie in a file with others
        assert sample.image in pictures
        assert (tmp_path / "images" / sample.name).is_file() or any(
            tmp_path.rglob(os.path.basename(sample.name))
        )


@pytest.mark.parametrize("name", sorted(WITH_3D))
def test_made_joints_project_onto_their_pixels(tmp_path, name):
    for sample in opened(name, tmp_path).samples:
        assert sample.weight_3d.all()
        assert sample.weight_2d.all()
        projected = made_pictures.project(
            np.float64(sample.joints_mm), np.float64(sample.intrinsics)
        )
        np.testing.assert_allclose(projected, sample.joints_px, atol=1e-3)


@pytest.mark.parametrize("name", made_others.MADE)
def test_absent_root_is_said_to_be_absent(tmp_path, name):
    source = made_others.SOURCE_OF.get(name, name)
    with pytest.raises(ValueError, match="`root` must be a folder.*nowhere"):
        sources.open_source(source, str(tmp_path / "nowhere"), {})


@pytest.mark.parametrize("name", made_others.MADE)
def test_empty_root_is_refused_by_name(tmp_path, name):
    source = made_others.SOURCE_OF.get(name, name)
    options = {"skeleton": "h36m_17"} if name == "tfrecord" else {}
    with pytest.raises(ValueError, match=str(tmp_path)):
        sources.open_source(source, str(tmp_path), options)


@pytest.mark.parametrize("name", ["coco", "mpii", "lsp", "muco", "folder"])
def test_images_may_lie_elsewhere(tmp_path, name):
    root, pictures = tmp_path / "root", tmp_path / "pictures"
    options = made_others.MADE[name](root)
    folders = {"coco": "train2017", "mpii": "images", "lsp": "images"}
    old = root / folders.get(name, "")
    pictures.mkdir()
    for path in [*old.rglob("*.jpg"), *old.rglob("*.png")]:
        new = pictures / path.relative_to(old)
        new.parent.mkdir(parents=True, exist_ok=True)
        path.rename(new)
    options = {**options, "images": str(pictures)}
    source = sources.open_source(name, str(root), options)
    assert len(list(source.samples)) == COUNTS[name]
    options["images"] = str(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="`images` must be a folder.*nowhere"):
        sources.open_source(name, str(root), options)


@pytest.mark.parametrize("name", [n for n in COUNTS if n not in MATLAB])
def test_a_lost_image_is_named(tmp_path, name):
    source = opened(name, tmp_path)
    pictures = [*tmp_path.rglob("*.jpg"), *tmp_path.rglob("*.tfrecord*")]
    for path in pictures:
        path.unlink()
    lost = "|".join(path.name for path in pictures)
    with pytest.raises(ValueError, match=f"({lost}).*cannot be read"):
        list(source.samples)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("coco", "split", "val"),
        ("mpii", "split", "valid"),
        ("lsp", "split", "all"),
        ("mpi_inf_3dhp", "split", "TS1"),
        ("mpi_inf_3dhp", "every", 0),
        ("mpi_inf_3dhp", "every", -2),
        ("mpi_inf_3dhp", "subjects", ["S2"]),
        ("mpi_inf_3dhp", "subjects", []),
        ("tfrecord", "skeleton", "h36m"),
        ("folder", "skeleton", "h36m"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, name, option, value):
    with pytest.raises(ValueError, match=f"`{option}` must be"):
        opened(name, tmp_path, **{option: value})
