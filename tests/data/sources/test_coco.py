import json

import numpy as np
import pytest

from keras_pose.data.sources import coco
from keras_pose.skeleton import COCO_17
from tests.data.sources import made_photos
from tests.data.sources import made_pictures


@pytest.fixture
def make(tmp_path):
    """Gives `(change of the content) -> root` of a made data set."""

    def write(change=lambda content: None):
        made_photos.make_coco(tmp_path)
        content = made_photos.coco_content()
        change(content)
        path = tmp_path / "annotations" / "person_keypoints_train2017.json"
        path.write_text(json.dumps(content))
        return str(tmp_path)

    return write


def samples_of(root, **options):
    return list(coco.people(root, **options).samples)


@pytest.fixture
def real(real_data):
    root = real_data / "coco"
    if not root.is_dir():
        pytest.skip(f"{root} is absent")
    return root


def test_real_people_are_those_of_the_file(real):
    path = real / "test_coco.json"
    content = json.loads(path.read_text())
    assert content["categories"][0]["keypoints"] == list(COCO_17.joints)
    people = [p for p in content["annotations"] if p["num_keypoints"]]
    source = coco.people(str(real), annotations=str(path))
    assert source.count == len(people) == 12
    for sample, person in zip(source.samples, people, strict=True):
        keypoints = np.float32(person["keypoints"]).reshape(17, 3)
        np.testing.assert_array_equal(sample.joints_px, keypoints[:, :2])
        np.testing.assert_array_equal(sample.weight_2d, keypoints[:, 2] > 0)
        np.testing.assert_allclose(sample.box, person["bbox"])
        assert int(sample.name.removesuffix(".jpg")) == person["image_id"]


def test_real_joints_lie_in_their_box(real):
    path = str(real / "test_coco.json")
    inside = []
    for sample in samples_of(str(real), annotations=path):
        # From the border, where a box counts from, to pixels' centres.
        corner = sample.box[:2] - 0.5
        points = sample.joints_px[sample.weight_2d > 0] - corner
        inside.append(((points > -1) & (points < sample.box[2:] + 1)).all(-1))
    assert np.concatenate(inside).mean() > 0.97


def test_people_are_read_with_their_own_images(make, tmp_path):
    first, second, third = samples_of(make())
    assert first.name == "000000000012.jpg"
    assert second.name == third.name == "000000000785.jpg"
    assert first.image == made_pictures.jpeg(12)
    assert second.image == made_pictures.jpeg(785)


def test_hidden_joints_count_and_absent_ones_do_not(make):
    marks = [1, 1, 0] * 5 + [1, 1]
    _, second, third = samples_of(make())
    np.testing.assert_array_equal(second.weight_2d, marks)
    assert np.flatnonzero(third.weight_2d) == [16]
    assert not second.joints_px[second.weight_2d == 0].any()
    assert not second.weight_3d.any()
    assert not second.intrinsics.any()


def test_pixels_and_boxes_are_taken_as_they_are(make):
    first = samples_of(make())[0]
    places = np.random.default_rng(1).integers(10, 70, (17, 2))
    np.testing.assert_array_equal(first.joints_px, places)
    np.testing.assert_array_equal(first.box, [10.25, 12.5, 40.75, 50])


def test_those_left_out_are_counted(make):
    notes = "\n".join(coco.people(make()).notes)
    assert "left out 1 groups outlined as one" in notes
    assert "left out 1 people without a labelled joint" in notes


def test_sections_may_stand_in_any_order(make):
    right = [sample.name for sample in samples_of(make())]

    def turn(content):
        for key in list(content)[::-1]:
            content[key] = content.pop(key)

    assert [sample.name for sample in samples_of(make(turn))] == right


def test_split_names_the_file_and_the_images(make, tmp_path):
    root = make()
    folder = tmp_path / "annotations"
    old = folder / "person_keypoints_train2017.json"
    old.rename(folder / "person_keypoints_val2017.json")
    (tmp_path / "train2017").rename(tmp_path / "val2017")
    assert len(samples_of(root, split="test")) == 3
    with pytest.raises(ValueError, match="holds none of.*train2017.json"):
        coco.people(root, split="train")
    path = str(folder / "person_keypoints_val2017.json")
    assert len(samples_of(root, annotations=path)) == 3
    with pytest.raises(ValueError, match="`split` must not be given"):
        coco.people(root, annotations=path, split="test")


def change_person(**fields):
    def change(content):
        content["annotations"][2].update(fields)

    return change


def change_image(**fields):
    def change(content):
        content["images"][0].update(fields)

    return change


def rename_joint(content):
    content["categories"][0]["keypoints"][1] = "left_hip"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_person(image_id=999), "`image_id` must be.*999"),
        (change_person(image_id="785"), "annotations 2: `image_id`.*'785'"),
        (change_person(keypoints=[1] * 50), "annotations 2: `keypoints` .* 51"),
        (change_person(keypoints=[3] * 51), "annotations 2: .*0, 1 or 2"),
        (change_person(keypoints=["1"] * 51), "annotations 2: `keypoints`"),
        (
            change_person(keypoints=[1e300, 1, 1] * 17),
            "annotations 2: .*finite",
        ),
        (change_person(bbox=[1, 2, 3]), "annotations 2: `bbox` must be 4"),
        (change_person(bbox=None), "annotations 2: `bbox`"),
        (change_image(id=1.5), "images 0: `id` .*64 bits"),
        (change_image(id=12), "an `id` of its own. Received: 12 twice"),
        (change_image(id=2**70), "integer overflow"),
        (change_image(file_name=""), "images 0: `file_name`"),
        (change_image(width="9"), "images 0: `width` and `height`"),
        (rename_joint, "categories 0: `keypoints` must be COCO's.*left_hip"),
    ],
)
def test_a_wrong_file_is_refused_when_it_is_opened(make, change, message):
    root = make(change)
    with pytest.raises(ValueError, match=f"train2017.json: .*{message}"):
        coco.people(root)


def test_an_empty_box_is_left_out(make):
    source = coco.people(make(change_person(bbox=[1, 2, 0, 4])))
    assert (source.count, len(list(source.samples))) == (2, 2)
    assert any("1 people with an empty box" in note for note in source.notes)
