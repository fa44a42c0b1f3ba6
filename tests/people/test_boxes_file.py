import json

import numpy as np
import pytest

from keras_pose.people.boxes_file import read_boxes

ONE = [310, 95, 180, 420]
TWO = [12.5, 7, 30, 40.25]


@pytest.fixture
def write(tmp_path):
    def write_file(content, name=None):
        is_text = isinstance(content, str)
        path = tmp_path / (name or ("boxes.csv" if is_text else "boxes.json"))
        path.write_text(content if is_text else json.dumps(content), "utf-8")
        return path

    return write_file


def as_lists(table):
    entries = [table.of(name) for name in table.names]
    for entry in entries:
        assert entry.boxes.dtype == np.float64
        assert entry.boxes.shape[1:] == (4,)
    return {entry.name: entry.boxes.tolist() for entry in entries}


BOTH = {"walk/1.jpg": [ONE, TWO], "2.jpg": [TWO]}


@pytest.mark.parametrize(
    "content",
    [
        "image,x,y,width,height\nwalk/1.jpg,310,95,180,420\n"
        "2.jpg,12.5,7,30,40.25\nwalk/1.jpg,12.5,7,30,40.25\n",
        "\ufeffheight,score,file,width , x,y\r\n"
        "420,,./walk//1.jpg,180,310,95\r\n"
        '\r\n40.25,.9,"walk/1.jpg",30,12.5,7\r\n40.25,,2.jpg,30,12.5,7',
        BOTH,
        [
            {"image": "walk/1.jpg", "box": ONE},
            {"file": "walk/1.jpg", "box": TWO, "frame": None},
            {"name": "2.jpg", "box": TWO, "note": "x"},
        ],
        [
            {"image_id": "walk/1.jpg", "bbox": ONE, "category_id": 1},
            {"image_id": "walk/1.jpg", "bbox": ONE, "score": 0.39},
            {"image_id": "walk/1.jpg", "bbox": ONE, "category_id": 2},
            {"image_id": "walk/1.jpg", "bbox": TWO, "score": 0.4},
            {"image_id": "2.jpg", "bbox": TWO},
        ],
        {
            "images": [
                {"id": 5, "file_name": "2.jpg"},
                {"id": 4, "file_name": "walk/1.jpg", "width": 3},
            ],
            "annotations": [
                {"image_id": 4, "bbox": ONE, "category_id": 1},
                {"image_id": 4, "bbox": TWO, "category_id": 1},
                {"image_id": 5, "bbox": TWO, "category_id": 1},
                {"image_id": 5, "bbox": ONE, "category_id": 7},
            ],
        },
    ],
    ids=["csv", "csv of a spreadsheet", "object", "list", "results", "coco"],
)
def test_every_form_says_the_same(write, content):
    assert as_lists(read_boxes(write(content))) == BOTH


@pytest.mark.parametrize(
    "content",
    [
        "name,frame,x,y,width,height\nclip.mp4,12,310,95,180,420\n",
        "name,x,y,width,height\nclip.mp4#12,310,95,180,420\n",
        [{"image": "clip.mp4", "frame": 12, "box": ONE}],
        {"clip.mp4#12": [ONE]},
    ],
)
def test_frames_of_videos(write, content):
    assert as_lists(read_boxes(write(content))) == {"clip.mp4#12": [ONE]}


@pytest.mark.parametrize(
    "content",
    [
        "image,x,y,width,height\na.jpg,,,,\n",
        {"a.jpg": []},
        [{"image_id": "a.jpg", "bbox": ONE, "score": 0.1}],
        {"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": []},
    ],
)
def test_an_image_may_be_said_to_show_nobody(write, content):
    assert as_lists(read_boxes(write(content))) == {"a.jpg": []}


def test_numbers_of_coco_are_its_names(write):
    path = write([{"image_id": 785, "bbox": ONE, "score": 1}])
    assert read_boxes(path).names == ("000000000785.jpg",)


HEADER = "image,x,y,width,height\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image;x;y;width;height\na;1;2;3;4", "line 1.*semicolons"),
        ("", "line 1: .*Received: nothing"),
        ("a.jpg,1,2,3,4\n", "line 1: must name the columns x, y"),
        ("image,name,x,y,width,height\n", "one of image, name, file"),
        ("image,x,y,width,width\n", "`width` stands twice"),
        (HEADER + "\na.jpg,1,2,3\n", "line 3: must have 5 cells"),
        (HEADER + "a.jpg,1,2,3,four\n", "line 2: column `height`.*four"),
        (HEADER + "a.jpg,1,,3,4\n", "line 2: column `y`.*with `x`"),
        (HEADER + ",1,2,3,4\n", "line 2: column `image`"),
        (HEADER + "a.jpg,1,2,0,4\n", "line 2: the box.*positive"),
        (HEADER + "a.jpg,1,nan,3,4\n", "line 2: the box.*finite"),
        (HEADER + "a.jpg,1,2,3,1e9\n", "line 2: the box.*finite"),
        ("image,frame,x,y,width,height\na,1.5,1,2,3,4\n", "`frame`.*whole"),
        ("image,frame,x,y,width,height\na,-1,1,2,3,4\n", "`frame`.*negative"),
        ({"a.jpg": [[1, 2, 3]]}, "`a.jpg`: the box must be 4 numbers"),
        ({"a.jpg": ONE}, "`a.jpg`: the box must be 4 numbers"),
        ({"a.jpg": 7}, "`a.jpg`: must be a list of boxes. Received: 7"),
        ({"a.jpg": [[1, 2, 3, "4"]]}, "`a.jpg`: the box must be 4 numbers"),
        ([{"box": ONE}], "item 0: must have one of image, name, file"),
        ([{"image": "a"}], "item 0: must have `box`"),
        ([{"image": 3, "box": ONE}], "item 0: `image` must be text"),
        ([{"image": "a", "box": ONE}, 5], "item 1 must be an object"),
        ([{"image_id": 1.5, "bbox": ONE}], "item 0: `image_id`.*whole"),
        ([{"image_id": 1}], "item 0: must have `bbox`"),
        ([{"image_id": 1, "bbox": ONE, "score": "x"}], "item 0: `score`"),
        (
            {"images": [], "annotations": [{"image_id": 3, "bbox": ONE}]},
            "annotations 0: `image_id` must be the `id`",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_file(write, content, message):
    path = write(content)
    with pytest.raises(ValueError, match=f"(?s)^{path}.*{message}"):
        read_boxes(path)


@pytest.mark.parametrize("content", ["7", '{"a": [[1,2,3', '"x"', "", "["])
def test_a_damaged_json_is_refused(write, content):
    path = write(content, "boxes.json")
    with pytest.raises(ValueError, match=str(path)):
        read_boxes(path)


@pytest.mark.parametrize("name", ["boxes.txt", "missing.csv", "missing.json"])
def test_other_files_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=name):
        read_boxes(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        "name,person,x,y,width,height\na.jpg,7,310,95,180,420\n"
        "b.jpg,,,,,\na.jpg,2,12.5,7,30,40.25\n",
        [
            {"image": "a.jpg", "box": ONE, "person": 7},
            {"image": "a.jpg", "box": TWO, "person": 2},
        ],
    ],
    ids=["csv", "list"],
)
def test_a_file_may_say_who_is_who(write, content):
    entry = read_boxes(write(content)).of("a.jpg")
    assert entry.persons == (7, 2)
    assert entry.boxes.tolist() == [ONE, TWO]


def test_a_file_need_not_say_who_is_who(write):
    assert read_boxes(write(BOTH)).of("2.jpg").persons is None


@pytest.mark.parametrize(
    ("persons", "message"),
    [
        ("1,", "`person` must be given for everybody or for nobody"),
        ("2,2", "line 3: `person` must be in an image once. Received: 2,"),
        ("1,0", "line 3: `person` must be a number from 1. Received: 0"),
        ("1,1.5", "line 3: column `person` must be a whole number"),
    ],
)
def test_who_is_who_must_be_clear(write, persons, message):
    one, two = persons.split(",")
    rows = f"a.jpg,{one},1,2,3,4\na.jpg,{two},5,6,7,8\n"
    path = write(f"image,person,x,y,width,height\n{rows}")
    with pytest.raises(ValueError, match=f"^{path}.*{message}"):
        read_boxes(path)


def test_persons_of_a_json_must_be_whole(write):
    path = write([{"image": "a.jpg", "box": ONE, "person": "ann"}])
    with pytest.raises(ValueError, match="item 0: `person` must be a whole"):
        read_boxes(path)


def test_crowds_of_coco_are_nobody(tmp_path):
    path = tmp_path / "instances.json"
    person = {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]}
    content = {
        "images": [{"id": 7, "file_name": "a.jpg"}],
        "annotations": [
            {**person, "iscrowd": 1},
            {**person, "iscrowd": 0, "bbox": [5, 6, 7, 8]},
        ],
    }
    path.write_text(json.dumps(content))
    assert read_boxes(path).of("a.jpg").boxes.tolist() == [[5, 6, 7, 8]]
