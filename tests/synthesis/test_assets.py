import dataclasses
import io
import os

import numpy as np
import pytest
from PIL import Image

from keras_pose.synthesis import assets
from keras_pose.synthesis import garments
from keras_pose.synthesis import poses
from keras_pose.synthesis import rotations
from keras_pose.synthesis.body import BONE_INDEX
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.body import pose

IDENTITY = np.eye(3, dtype=np.float32)
RED, GREEN, BLUE, GREY = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (51, 51, 51),
)
# Rows of the body; those above 13380 have another number in the base mesh.
ROWS = (1500, 9000, 15000, 16600)


def png(pixels):
    """Bytes of a PNG file of (height, width, channels)."""
    buffer = io.BytesIO()
    Image.fromarray(np.uint8(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


def quarters(size, *opacity):
    """Red and green above blue and grey."""
    half = size // 2
    four = [[c + opacity for c in row] for row in ((RED, GREEN), (BLUE, GREY))]
    return np.repeat(np.repeat(np.array(four), half, 0), half, 1)


def write_garment(folder, rows=ROWS, hidden="", texture=None):
    """A square whose corners lie on rows of the body; uv spans all of it."""
    name = folder.name
    folder.mkdir(parents=True)
    base = load_body().base_rows
    lines = [f"obj_file {name}.obj", "verts 0"]
    lines += [str(base[row]) for row in rows]
    lines += ["delete_verts", hidden]
    (folder / f"{name}.mhclo").write_text("\n".join(lines))
    corners = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3 4/4\n"
    (folder / f"{name}.obj").write_text("v 0 0 0\n" * 4 + corners)
    texture = quarters(4) if texture is None else texture
    (folder / f"{name}_diffuse.png").write_bytes(png(texture))


@pytest.fixture
def folder(tmp_path):
    """A folder with two skins and a few things to wear."""
    skins = tmp_path / "skins"
    skins.mkdir()
    (skins / "old_female_a.png").write_bytes(png(quarters(8)))
    (skins / "young_male_a.png").write_bytes(png(quarters(8)))
    for name in ("female_a", "female_b", "male_a", "male_b", "coat"):
        write_garment(tmp_path / "clothes" / name, hidden="0 - 99")
    write_garment(tmp_path / "clothes" / "shoes_a", hidden="200 - 299")
    write_garment(tmp_path / "hair" / "afro", texture=quarters(4, 200))
    return tmp_path


@pytest.fixture
def wardrobe(folder):
    return assets.load_wardrobe(str(folder))


@pytest.fixture(scope="module")
def mean():
    body = load_body()
    return body.shape(np.zeros(body.num_shapes))


def at_rest(shape):
    return pose(shape, np.tile(np.eye(3), (31, 1, 1)))


def wearing(wardrobe, *garments):
    pieces = tuple(assets.Piece(one, IDENTITY, 0.0) for one in garments)
    skin = wardrobe.skins[0]
    return assets.TexturedOutfit(skin, IDENTITY, IDENTITY[0], pieces)


def texture_of(tmp_path, pixels):
    path = tmp_path / "made.png"
    path.write_bytes(png(pixels))
    return garments.Texture(str(path))


def test_v_counts_from_the_lower_edge_and_u_from_the_left(tmp_path):
    texture = texture_of(tmp_path, quarters(2))
    uv = np.float32([[0.2, 0.8], [0.8, 0.8], [0.2, 0.2], [0.8, 0.2]])
    np.testing.assert_allclose(
        texture.sample(uv, IDENTITY),
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.04, 0.04, 0.04]],
        atol=1e-6,
    )


def test_texture_need_not_be_square(tmp_path):
    pixels = np.zeros((2, 10, 3))
    pixels[0, 7] = 255
    texture = texture_of(tmp_path, pixels)
    uv = np.float32([[0.75, 0.55], [0.75, 0.45], [0.65, 0.55], [0.85, 0.55]])
    np.testing.assert_allclose(texture.sample(uv, IDENTITY)[:, 0], [1, 0, 0, 0])


def test_texture_repeats(tmp_path):
    texture = texture_of(tmp_path, quarters(2))
    uv = np.float32([[0.2, 0.8], [1, 1], [0, 0]])
    for shift in ((1, 0), (0, -1), (-2, 3)):
        np.testing.assert_allclose(
            texture.sample(uv + np.float32(shift), IDENTITY),
            texture.sample(uv, IDENTITY),
        )


def test_tint_mixes_linear_light_and_stays_below_one(tmp_path):
    texture = texture_of(tmp_path, quarters(2))
    uv = np.float32([[0.2, 0.8], [0.8, 0.2]])
    tint = np.float32([[0, 0, 0.5], [2, 0, 0], [0.25, 0, 0]])
    np.testing.assert_allclose(
        texture.sample(uv, tint), [[0, 1, 0.25], [0.02, 0.08, 0.01]], atol=1e-6
    )


def test_opacity_is_kept_and_left_alone_by_the_tint(tmp_path):
    pixels = quarters(2, 255)
    pixels[0, 0, 3] = 0
    pixels[1, 1, 3] = 51
    painted = texture_of(tmp_path, pixels).sample(
        np.float32([[0.2, 0.8], [0.8, 0.8], [0.8, 0.2]]), 0.5 * IDENTITY
    )
    np.testing.assert_allclose(painted[:, 3], [0, 1, 0.2])
    np.testing.assert_allclose(painted[1, :3], [0, 0.5, 0])


def test_texture_without_holes_has_no_opacity(tmp_path):
    assert texture_of(tmp_path, quarters(2, 255)).pixels.shape == (2, 2, 3)


def test_large_texture_becomes_a_mean_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(garments, "TEXTURE", 2)
    pixels = quarters(8)
    pixels[::2, :4] = 101
    small = texture_of(tmp_path, pixels).pixels
    np.testing.assert_allclose(
        small,
        [[(178, 50, 50), GREEN], [(50, 50, 178), GREY]],
        atol=1,  # bytes
    )


def test_what_is_not_seen_does_not_bleed_into_a_smaller_texture(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(garments, "TEXTURE", 2)
    pixels = quarters(8, 255)
    pixels[::2] = 0
    small = texture_of(tmp_path, pixels).pixels
    np.testing.assert_allclose(small[..., 3], 127.5, atol=0.6)
    np.testing.assert_allclose(small[0, :, :3], [RED, GREEN], atol=1)
    np.testing.assert_allclose(small[1, :, :3], [BLUE, GREY], atol=1)


def test_garment_lies_on_the_vertices_it_is_fitted_to(wardrobe):
    body = load_body()
    shape = body.shape(np.linspace(-2, 2, body.num_shapes))
    outfit = wearing(wardrobe, wardrobe.outfits[0])
    cloth = outfit.surfaces(shape, at_rest(shape))[-1]
    np.testing.assert_allclose(
        cloth.vertices, shape.vertices[list(ROWS)], atol=1e-3
    )


def test_offsets_scale_with_rows_of_the_body(folder, mean):
    first, second = 14000, 16000
    base = load_body().base_rows
    path = folder / "clothes" / "coat" / "coat.mhclo"
    path.write_text(
        f"obj_file coat.obj\ny_scale {base[first]} {base[second]} 2\nverts 0\n"
        + 4 * f"{base[1500]} 0 0 1 0 0 0 0.5 0\n"
    )
    fitted = garments.Garment(str(path), None).worn.fitting.fit(mean.vertices)
    distance = abs(mean.vertices[first, 1] - mean.vertices[second, 1])
    assert distance > 50
    expected = mean.vertices[1500] + [0, distance / 4, 0]
    np.testing.assert_allclose(fitted, np.tile(expected, (4, 1)), atol=1e-3)


def test_garment_follows_a_body_that_turns_and_moves(wardrobe, mean):
    turn = rotations.about("y", 0.7) @ rotations.about("x", -0.4)
    shift = np.array([100.0, -50, 2000])
    posed = pose(mean, np.tile(turn, (31, 1, 1)), shift)
    outfit = wearing(wardrobe, wardrobe.outfits[0])
    hips = mean.bone_starts[BONE_INDEX["Hips"]]
    rest = mean.vertices[list(ROWS)]
    np.testing.assert_allclose(
        outfit.surfaces(mean, posed)[-1].vertices,
        (rest - hips) @ turn.T + hips + shift,
        atol=0.01,
    )


def test_garment_bends_with_the_body(wardrobe, mean):
    body = load_body()
    posed = pose(mean, poses.draw_pose(np.random.default_rng(5), mean)[1])
    rows = list(ROWS)
    expected = posed.skin(mean.vertices[rows], body.weights[rows])
    moved = np.linalg.norm(expected - mean.vertices[rows], axis=1)
    assert moved.max() > 100  # mm
    outfit = wearing(wardrobe, wardrobe.outfits[0])
    np.testing.assert_allclose(
        outfit.surfaces(mean, posed)[-1].vertices, expected, atol=1e-3
    )


def test_fitted_vertex_bends_with_each_of_its_vertices(folder, mean):
    rows = np.array([1500, 9000, 15000])
    path = folder / "clothes" / "coat" / "coat.mhclo"
    base = " ".join(map(str, load_body().base_rows[rows]))
    line = f"{base} 0.75 0.75 -0.5 0 0 0\n"
    path.write_text("obj_file coat.obj\nverts 0\n" + 4 * line)
    garment = garments.Garment(str(path), None)
    # What is beyond its triangle moves with the vertices that are near.
    expected = load_body().weights[rows[:2]].mean(axis=0)
    np.testing.assert_allclose(
        garment.worn.weights, np.tile(expected, (4, 1)), atol=1e-6
    )


def test_clearance_pushes_outwards(wardrobe, mean):
    posed = at_rest(mean)
    near, far = (
        wardrobe.outfits[0].worn.place(mean, posed, clearance)[0]
        for clearance in (0.0, 3.0)
    )
    # The two triangles face one way or the other, each by its own normal.
    a, b, c = near[0], near[1], near[2]
    face = np.cross(b - a, c - a)
    assert (far[1] - near[1]) @ face == pytest.approx(
        3 * np.linalg.norm(face), rel=1e-3
    )


def test_paint_follows_the_corners_of_the_obj(wardrobe, mean):
    surfaces = wearing(wardrobe, wardrobe.outfits[0]).surfaces(
        mean, at_rest(mean)
    )
    cloth = surfaces[-1]
    np.testing.assert_array_equal(cloth.faces, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_allclose(
        cloth.attributes, [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]]
    )
    # A little towards each corner from the middle: below the diagonal lies
    # the first face, above it the second.
    toward = np.float32([0.6, 0.2, 0.2])
    at = np.einsum("k,fka->fa", np.roll(toward, 1), cloth.attributes)
    np.testing.assert_allclose(
        cloth.paint(at), [[0.04, 0.04, 0.04], [0, 1, 0]], atol=1e-6
    )


def test_skin_below_clothes_is_left_out(wardrobe, mean):
    body = load_body()
    outfit = wearing(wardrobe, wardrobe.outfits[0], wardrobe.shoes[0])
    hidden = set(range(100)) | set(range(200, 300))
    seen = [
        index
        for index, face in enumerate(body.skin_faces.tolist())
        if not hidden.issuperset(face)
    ]
    assert len(body.skin_faces) - 400 < len(seen) < len(body.skin_faces) - 100
    skin = outfit.surfaces(mean, at_rest(mean))[0]
    np.testing.assert_array_equal(skin.faces, body.skin_faces[seen])
    np.testing.assert_array_equal(
        skin.attributes, body.uv[body.skin_face_uv[seen]]
    )


def test_skin_without_clothes_is_whole(wardrobe, mean):
    skin = wearing(wardrobe).surfaces(mean, at_rest(mean))[0]
    assert len(skin.faces) == len(load_body().skin_faces)
    assert skin.paint(np.float32([[0.2, 0.8]])).tolist() == [[1, 0, 0]]


def test_eyes_are_in_the_head_and_look_ahead(wardrobe, mean):
    eyes = wearing(wardrobe).surfaces(mean, at_rest(mean))[1]
    nose = at_rest(mean).joints[9]
    middle = eyes.vertices.mean(axis=0)
    assert np.abs(middle - nose).max() < 80
    for side in (-1, 1):
        one = eyes.vertices[side * eyes.vertices[:, 0] > 0]
        assert np.ptp(one, axis=0).max() < 40
        front = one[np.argmax(one[:, 2])]
        albedo = eyes.paint(front[None] + np.float32([[0, 0, 0], [11, 0, 0]]))
        assert albedo[0].max() < 0.1  # the pupil
        assert albedo[1].min() > 0.5  # the white


def volume(vertices, surface):
    """Of what a closed surface holds, mm^3."""
    a, b, c = np.moveaxis(vertices[surface.faces].astype(float), 1, 0)
    return np.einsum("fi,fi->", a, np.cross(b, c)) / 6


def test_normals_are_of_unit_length_and_outwards(wardrobe, mean):
    for surface in wearing(wardrobe).surfaces(mean, at_rest(mean)):
        length = np.linalg.norm(surface.normals, axis=1)
        np.testing.assert_allclose(length, 1, atol=1e-4)
        pushed = surface.vertices + surface.normals
        assert volume(pushed, surface) > volume(surface.vertices, surface) > 0
        assert surface.faces.dtype == np.int32
        assert surface.vertices.dtype == np.float32


def look(outfit):
    """What an outfit is, as plain values."""
    return (
        outfit.skin.path,
        outfit.tint.tolist(),
        outfit.iris.tolist(),
        [(p.garment.path, p.tint.tolist(), p.clearance) for p in outfit.pieces],
    )


def draw(wardrobe, seed):
    return assets.draw_textured(np.random.default_rng(seed), wardrobe)


def test_draw_is_a_function_of_the_random_numbers(
    wardrobe, folder, monkeypatch
):
    listed = os.listdir
    monkeypatch.setattr(
        os, "listdir", lambda path: sorted(listed(path), reverse=True)
    )
    again = assets.load_wardrobe(str(folder))
    looks = [look(draw(wardrobe, seed)) for seed in range(20)]
    assert looks == [look(draw(again, seed)) for seed in range(20)]
    assert len({str(one) for one in looks}) == 20


def test_everything_is_worn_and_clothes_suit_their_skin(wardrobe):
    worn = {"female": set(), "male": set()}
    counts = np.zeros(4)
    for seed in range(200):
        outfit = draw(wardrobe, seed)
        female = "female" in os.path.basename(outfit.skin.path)
        names = [
            os.path.basename(piece.garment.path)[: -len(".mhclo")]
            for piece in outfit.pieces
        ]
        worn["female" if female else "male"].add(names[0])
        counts += [female, "shoes_a" in names, "afro" in names, 1]
    assert worn == {
        "female": {"female_a", "female_b", "coat"},
        "male": {"male_a", "male_b", "coat"},
    }
    female, shod, haired, all_of_them = counts
    assert 70 < female < 130
    assert 150 < shod < all_of_them
    assert 150 < haired < all_of_them


def test_clothes_of_the_other_kind_are_better_than_none(wardrobe):
    males = tuple(one for one in wardrobe.outfits if "/male" in one.path)
    only = dataclasses.replace(
        wardrobe, outfits=males, skins=wardrobe.skins[:1]
    )
    assert draw(only, 0).pieces[0].garment in males


def test_tints_change_clothes_more_than_skin(wardrobe):
    outfits = [draw(wardrobe, seed) for seed in range(100)]
    grey = np.ones(3)
    cloth, skin = (
        np.std(np.log([tint @ grey for tint in tints]), axis=0)
        for tints in (
            [one.pieces[0].tint for one in outfits],
            [one.tint for one in outfits],
        )
    )
    assert (cloth > 0.3).all()
    assert ((skin > 0.06) & (skin < 0.2)).all()


def test_shoes_and_hair_may_be_absent(folder):
    for path in (folder / "hair", folder / "clothes" / "shoes_a"):
        path.rename(folder / f"old_{path.name}")
    bare = assets.load_wardrobe(str(folder))
    bare.check()
    assert {len(draw(bare, seed).pieces) for seed in range(9)} == {1}


def test_files_that_are_no_assets_are_passed_over(folder, wardrobe):
    for name in ("skins/read.txt", "skins/._a.png", "clothes/read.txt"):
        (folder / name).write_text("text")
    (folder / "clothes" / ".git").mkdir()
    assert assets.load_wardrobe(str(folder)) == wardrobe


def test_check_passes_what_can_be_used(wardrobe):
    wardrobe.check()


COAT = "clothes/coat/coat"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".", "`assets` must be a folder that exists"),
        ("skins", r"`assets` must be a folder with skins/\*.png"),
        ("clothes", r"`assets` must be a folder with clothes/\*"),
        (f"{COAT}.mhclo", r"coat: must hold exactly one \*.mhclo"),
        (f"{COAT}_diffuse.png", r"one \*_diffuse.png file. Received: 0"),
        (f"{COAT}.obj", "coat.mhclo: `obj_file` must be a file beside it"),
        ("hair/afro/afro.mhclo", r"afro: must hold exactly one \*.mhclo"),
    ],
)
def test_missing_files_are_named(folder, name, message):
    (folder / name).rename(f"{folder}_away")
    with pytest.raises(ValueError, match=message):
        assets.load_wardrobe(str(folder)).check()


def test_folder_of_two_garments_is_refused(folder):
    (folder / "clothes/coat/cap.mhclo").write_text("")
    with pytest.raises(ValueError, match="mhclo file. Received: 2"):
        assets.load_wardrobe(str(folder))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("skins/old_female_a.png", b"no", "female_a.png: not an image"),
        (f"{COAT}_diffuse.png", b"no", "coat_diffuse.png: not an image"),
        (
            "skins/old_female_a.png",
            png(np.random.default_rng(0).integers(0, 255, (9, 9, 3)))[:-40],
            "female_a.png: the image is damaged: ",
        ),
        (
            "skins/old_female_a.png",
            png(np.zeros((1, garments.MAX_TEXTURE + 1, 3))),
            "female_a.png: a texture must have sides of at most 8192 px. "
            "Received: 8193 x 1",
        ),
        (f"{COAT}.obj", b"v 1", "coat.obj, line 1: must have 3 finite"),
        (
            f"{COAT}.obj",
            b"v 0 0 0\nvt 0 0\nf 1/1 1/1 1/1",
            "coat.obj: must have as many vertices as .*coat.mhclo fits. "
            "Received: 1 and 4",
        ),
        (
            f"{COAT}.obj",
            b"v 0 0 0\n" * 4 + b"f 1 2 3",
            "coat.obj: every corner of a face must name a texture coordinate",
        ),
        (
            f"{COAT}.mhclo",
            b"obj_file coat.obj\nverts 0\n19158",
            "coat.mhclo, line 3: vertices must be from 0 to 19157",
        ),
        (
            f"{COAT}.mhclo",
            b"obj_file coat.obj\nverts 0\n1\n2\n3\n13400",
            "coat.mhclo: vertices must be fitted to .* vertex 13400",
        ),
        (
            f"{COAT}.mhclo",
            b"obj_file coat.obj\nx_scale 0 13401 1\nverts 0\n1\n2\n3\n4",
            "coat.mhclo: vertices must be fitted to .* vertex 13401",
        ),
    ],
)
def test_broken_files_are_found_by_the_check(folder, name, content, message):
    (folder / name).write_bytes(content)
    broken = assets.load_wardrobe(str(folder))
    with pytest.raises(ValueError, match=message):
        broken.check()


@pytest.fixture(scope="module")
def real(real_data):
    folder = real_data / "cc0_people"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    return assets.load_wardrobe(str(folder))


def test_real_files_are_found_and_can_be_used(real):
    real.check()
    parts = real.skins, real.outfits, real.shoes, real.hair
    assert [len(part) for part in parts] == [20, 12, 6, 10]
    assert all(texture.pixels.shape[2] == 3 for texture in real.skins)
    assert all(one.texture.pixels.shape[2] == 4 for one in real.hair)


@pytest.mark.parametrize(
    ("part", "lowest", "highest"),
    [
        ("outfits", (30, 800), (1425, 1510)),
        ("shoes", (-30, 10), (150, 250)),
        ("hair", (900, 1540), (1675, 1740)),
    ],
)
def test_real_garments_fit_the_mean_body(real, mean, part, lowest, highest):
    skin = mean.vertices[:13380:3]
    posed = at_rest(mean)
    for garment in getattr(real, part):
        vertices, _ = garment.worn.place(mean, posed, 0.0)
        height = vertices[:, 1]
        assert lowest[0] < height.min() < lowest[1], garment.path
        assert highest[0] < height.max() < highest[1], garment.path
        some = vertices[:: 1 + len(vertices) // 100]
        offset = some[:, None] - skin
        nearest = np.einsum("vsi,vsi->vs", offset, offset).min(axis=1) ** 0.5
        assert nearest.max() < 130, garment.path  # a pony tail


def test_real_brows_are_darker_than_the_cheeks(real, mean):
    for skin in real.skins:
        outfit = assets.TexturedOutfit(skin, IDENTITY, IDENTITY[0], ())
        surface = outfit.surfaces(mean, at_rest(mean))[0]
        middles = surface.vertices[surface.faces].mean(axis=1)
        brightness = []
        for place in ((31, 1603, 135), (45, 1548, 120)):
            off = np.linalg.norm(middles - place, axis=1)
            near = np.argsort(off)[:40]
            assert off[near].max() < 30
            colour = surface.paint(surface.attributes[near].mean(axis=1))
            brightness.append(colour.mean())
        # Upside down, the least of the ratios is 0.88.
        assert brightness[0] < 0.85 * brightness[1], skin.path
