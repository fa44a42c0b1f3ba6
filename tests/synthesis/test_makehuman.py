import gzip

import numpy as np
import pytest

from keras_pose.synthesis import makehuman


@pytest.fixture
def write(tmp_path):
    """Gives `(name, *lines) -> path` of a file of those lines."""

    def write(name, *lines):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)

    return write


SQUARE = ("v 0 0 0", "v 1 0 0", "v 1 1 0", "v 0 1 0.5")
UV = ("vt 0 0", "vt 1 0", "vt 1 0.25", "vt 0 1")


def test_obj_is_in_mm_and_its_quads_are_two_triangles(write):
    mesh = makehuman.read_obj(
        write("a.obj", "# made", "", *SQUARE, *UV, "f 1/4 2/3 3/2 4/1")
    )
    np.testing.assert_allclose(
        mesh.vertices, [[0, 0, 0], [100, 0, 0], [100, 100, 0], [0, 100, 50]]
    )
    np.testing.assert_allclose(mesh.uv, [[0, 0], [1, 0], [1, 0.25], [0, 1]])
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(mesh.face_uv, [[3, 2, 1], [3, 1, 0]])


@pytest.mark.parametrize(
    ("face", "face_uv"),
    [
        ("f 1 2 3", [-1, -1, -1]),
        ("f 1/2 2/3 3/4", [1, 2, 3]),
        ("f 1//1 2//1 3//1", [-1, -1, -1]),
        ("f 1/2/1 2/3/1 3/4/1", [1, 2, 3]),
    ],
    ids=["v", "v/t", "v//n", "v/t/n"],
)
def test_corners_name_a_vertex_and_perhaps_a_texture_coordinate(
    write, face, face_uv
):
    mesh = makehuman.read_obj(
        write("a.obj", *SQUARE, *UV, "vn 0 0 1", "s off", face)
    )
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2]])
    np.testing.assert_array_equal(mesh.face_uv, [face_uv])


def test_a_group_may_come_in_parts(write):
    mesh = makehuman.read_obj(
        write(
            "a.obj",
            *SQUARE,
            "g left arm",
            "f 1 2 3",
            "g other",
            "f 2 3 4",
            "g left arm",
            "f 1 3 4",
        )
    )
    np.testing.assert_array_equal(mesh.faces_of("left arm"), [0, 2])
    np.testing.assert_array_equal(mesh.faces_of("other"), [1])
    np.testing.assert_array_equal(mesh.vertices_of("other"), [1, 2, 3])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["v 1 2"], "line 1: must have 3 finite numbers. Received: 'v 1 2'"),
        (["v 1 2 nan"], "line 1: must have 3 finite numbers"),
        (["v 1 2 x"], "line 1: could not convert string to float: 'x'"),
        (["vt 1"], "line 1: must have 2 finite numbers"),
        ([*SQUARE, "f 1 2"], "line 5: a face must have 3 or 4 corners"),
        ([*SQUARE, "f 1 2 3 4 1"], "line 5: a face must have 3 or 4 corners"),
        ([*SQUARE, "f -1 2 3"], "line 5: indices must count from 1"),
        ([*SQUARE, *UV, "f 1/0 2/1 3/1"], "line 9: indices must count from 1"),
        ([*SQUARE, "f 1 2 5"], "a face names vertex 5 of 4"),
        (
            [*SQUARE, *UV, "f 1/1 2/5 3/1"],
            "a face names texture coordinate 5 of 4",
        ),
        (SQUARE, "the mesh must have faces"),
    ],
)
def test_broken_obj_is_refused(write, lines, message):
    path = write("a.obj", *lines)
    with pytest.raises(ValueError, match=message) as error:
        makehuman.read_obj(path)
    assert str(error.value).startswith(path)


def test_target_is_sparse_and_in_mm(write):
    path = write("a.target", "# made", "", "2 1 0 -0.5", "0 0 0.25 0")
    np.testing.assert_allclose(
        makehuman.read_target(path, 4),
        [[0, 25, 0], [0, 0, 0], [100, 0, -50], [0, 0, 0]],
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("4 0 0 1", "line 2: vertices must be from 0 to 3"),
        ("-1 0 0 1", "line 2: vertices must be from 0 to 3"),
        ("1 5", "line 2: must have 3 finite numbers"),
        ("x 0 0 1", "line 2: invalid literal"),
    ],
)
def test_broken_target_is_refused(write, line, message):
    path = write("a.target", "0 0 0 0", line)
    with pytest.raises(ValueError, match=message):
        makehuman.read_target(path, 4)


def test_gzipped_text_is_read(tmp_path):
    path = tmp_path / "a.target.gz"
    path.write_bytes(gzip.compress(b"1 0 0 2\n"))
    np.testing.assert_allclose(
        makehuman.read_target(str(path), 2), [[0, 0, 0], [0, 0, 200]]
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.gz", b"no gzip"),
        ("a.gz", gzip.compress(b"1 0 0 2\n" * 99)[:-9]),
        ("a.gz", gzip.compress(b"1")[:10] + b"\xff" * 20),
        ("a.txt", b"\xff\xfe"),
    ],
    ids=["no gzip", "cut short", "no deflate", "no UTF-8"],
)
def test_damaged_text_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: damaged: "):
        makehuman.read_text(str(path))


@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
def test_too_large_a_file_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(makehuman, "MAX_FILE_BYTES", 9)
    path = tmp_path / name
    pack = gzip.compress if name.endswith("gz") else bytes
    path.write_bytes(pack(b"9 bytes !"))
    assert makehuman.read_text(str(path)) == "9 bytes !"
    path.write_bytes(pack(b"10 bytes !"))
    with pytest.raises(ValueError, match="must have at most 9 bytes"):
        makehuman.read_text(str(path))


def test_weights_of_a_vertex_sum_to_one(write):
    path = write(
        "a.json",
        '{"weights": {"arm": [[0, 0.5], [1, 0.2]], "leg": [[1, 0.6]],'
        ' "none": [[2, 1]]}}',
    )
    np.testing.assert_allclose(
        makehuman.read_weights(path, ["leg", "arm", "tail"], 3),
        [[0, 1, 0], [0.75, 0.25, 0], [0, 0, 0]],
    )


BASE = np.array(
    [[0.0, 0, 0], [100, 0, 0], [0, 200, 0], [0, 0, 300], [50, 60, 70]]
)
HEAD = ("# a comment", "name cloth", "obj_file cloth.obj", "verts 0")


def fitting_of(write, *lines, head=HEAD):
    return makehuman.read_fitting(write("a.mhclo", *head, *lines), len(BASE))


def test_vertex_of_one_number_lies_on_that_vertex(write):
    fitting = fitting_of(write, "4", "1")
    np.testing.assert_allclose(fitting.fit(BASE), BASE[[4, 1]])
    np.testing.assert_allclose(fitting.fit(2 * BASE), 2 * BASE[[4, 1]])


def test_vertex_of_nine_numbers_is_a_mean_and_an_offset(write):
    fitting = fitting_of(write, "1 2 3 0.5 0.3 0.2 0.1 -0.2 0.3")
    # Offsets without a scale are in decimetres.
    np.testing.assert_allclose(fitting.fit(BASE), [[60, 40, 90]])


def test_offsets_grow_with_the_distance_of_their_scale(write):
    fitting = fitting_of(
        write,
        "0 0 0 1 0 0 1 1 1",
        head=(
            "x_scale 1 0 1.0",  # 100 mm for 1 unit
            "y_scale 0 2 4",  # 200 mm for 4
            "z_scale 3 4 1",  # 230 mm for 1
            *HEAD,
        ),
    )
    np.testing.assert_allclose(fitting.fit(BASE), [[100, 50, 230]])
    stretched = BASE * [3, 1, 1]
    np.testing.assert_allclose(fitting.fit(stretched), [[300, 50, 230]])


def test_hidden_vertices_are_listed_in_spans(write):
    fitting = fitting_of(write, "0", "", "delete_verts", "0 2 - 4", "1")
    np.testing.assert_array_equal(fitting.hidden, [0, 2, 3, 4, 1])


def test_file_without_hidden_vertices_hides_none(write):
    assert fitting_of(write, "0").hidden.shape == (0,)


def test_fitting_names_its_mesh(write, tmp_path):
    fitting = fitting_of(write, "0", head=("z_depth 50", *HEAD))
    assert fitting.obj_file == str(tmp_path / "cloth.obj")


def test_words_between_the_vertices_are_no_vertices(write):
    fitting = fitting_of(write, "material a.mhmat", "0", "# 3", "1")
    np.testing.assert_array_equal(fitting.vertices[:, 0], [0, 1])


NINE = "0 1 2 0.5 0.25 0.25 0 0 0"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0", "5"], "line 6: vertices must be from 0 to 4. Received: '5"),
        (["-1"], "line 5: vertices must be from 0 to 4"),
        ([NINE.replace("2", "7", 1)], "line 5: vertices must be from 0 to 4"),
        (["0 1 2"], "line 5: a fitted vertex must have 1 or 9 numbers"),
        ([NINE + " 0"], "line 5: a fitted vertex must have 1 or 9 numbers"),
        ([NINE.replace("0.5", "0.6")], "line 5: .* weights that sum to 1"),
        ([NINE.replace("0.5", "nan")], "line 5: must have 3 finite numbers"),
        ([NINE[:-1] + "inf"], "line 5: must have 3 finite numbers"),
        (["0", "x_scale 0 5 1"], "line 6: vertices must be from 0 to 4"),
        (["0", "x_scale 0 1 0"], "line 6: the distance .* must be positive"),
        (["0", "x_scale 0 1 nan"], "line 6: the distance .* must be positive"),
        (["0", "y_scale 0 1"], "line 6: a scale must have two vertices and a"),
        (["0", "delete_verts", "5"], "line 7: vertices must be from 0 to 4"),
        (["0", "delete_verts", "1 - 9"], "line 7: vertices must be from 0"),
        (
            ["0", "delete_verts", "1 -"],
            "line 7: a span must have a last vertex",
        ),
        ([], "must name an `obj_file` beside it and list `verts`"),
    ],
)
def test_broken_fitting_is_refused(write, lines, message):
    with pytest.raises(ValueError, match=message) as error:
        fitting_of(write, *lines)
    assert "a.mhclo" in str(error.value)


@pytest.mark.parametrize(
    "head",
    [
        ("verts 0",),
        ("obj_file ../a.obj", "verts"),
        ("obj_file /a.obj", "verts"),
    ],
    ids=["unnamed", "above", "elsewhere"],
)
def test_mesh_must_lie_beside_its_fitting(write, head):
    with pytest.raises(ValueError, match="an `obj_file` beside it"):
        fitting_of(write, "0", head=head)
