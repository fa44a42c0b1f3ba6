"""One rendered person: everything drawn, put together, photographed."""

import dataclasses

import numpy as np

from keras_pose.data.sample import Sample
from keras_pose.synthesis import assets
from keras_pose.synthesis import backdrop
from keras_pose.synthesis import looks
from keras_pose.synthesis import motion
from keras_pose.synthesis import motion_files
from keras_pose.synthesis import poses
from keras_pose.synthesis import props
from keras_pose.synthesis import render
from keras_pose.synthesis import sensor
from keras_pose.synthesis import viewpoint
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.body import pose
from keras_pose.synthesis.draws import between
from keras_pose.synthesis.draws import generator

SPLITS = ("train", "validation", "test")

# Of every ten images the ninth is for validation and the tenth for tests.
_SPLIT_CYCLE = ("train",) * 8 + ("validation", "test")

# Shapes lie this many standard deviations from the mean at most.
SHAPE_LIMIT = 2.5

LIGHT_ELEVATION = (20.0, 80.0)  # degrees
LIGHT_STRENGTH = (0.3, 1.1)
LIGHT_AROUND = (0.25, 0.7)


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides a data set, but for its size.

    Attributes:
        seed: Of everything that is drawn.
        image_size: Side of the images, px.
        motion: BVH file or folder, or .npz of rotations; "" draws poses.
        assets: Folder of textured skins, clothes and hair; "" paints them.
        backgrounds: Folder of photos; "" draws backdrops.
    """

    seed: int = 0
    image_size: int = 256
    motion: str = ""
    assets: str = ""
    backgrounds: str = ""


@dataclasses.dataclass(frozen=True)
class Shot:
    """All that a photo shows, before it is taken.

    Attributes:
        action: Family of the pose, or the name of the motion clip.
        frame: Frame of the clip; 0 without one.
        joints: (17, 3) mm, world; those of `H36M_17`.
        person: The Surfaces of the person, the skin first.
        things: The Surfaces of all else.
        camera: The render.Camera.
        box: (4,) px, the person's in the image.
        light: The render.Light.
    """

    action: str
    frame: int
    joints: np.ndarray
    person: list
    things: list
    camera: render.Camera
    box: np.ndarray
    light: render.Light


def split_of(index):
    """The split that an image belongs to, one of `SPLITS`."""
    return _SPLIT_CYCLE[index % len(_SPLIT_CYCLE)]


def clips_of_splits(clips):
    """Shares clips out, so that no split sees another's.

    Args:
        clips: Sequence of motion.Clip.

    Returns:
        Dict of split to clips. With fewer than three clips all are for
        training; a split without a clip draws its poses.
    """
    held = {1: "validation", 2: "test"} if len(clips) >= 3 else {}
    result = {split: [] for split in SPLITS}
    for number, clip in enumerate(clips):
        result[held.get(number % 10, "train")].append(clip)
    return result


class Studio:
    """Makes the images of a data set, each from its index alone.

    Args:
        options: The Options.

    Raises:
        ValueError: A file that the options name is missing or wrong.
    """

    def __init__(self, options):
        if not 64 <= options.image_size <= 2048:
            raise ValueError(
                "`image_size` must be in [64, 2048] px. "
                f"Received: {options.image_size}"
            )
        if options.seed < 0:
            raise ValueError(
                f"`seed` must be at least 0. Received: {options.seed}"
            )
        self.options = options
        self._body = load_body()
        clips = (
            motion_files.read_clips(options.motion) if options.motion else ()
        )
        self.clips = clips_of_splits(clips)
        self._wardrobe = (
            assets.load_wardrobe(options.assets) if options.assets else None
        )
        self._photos = (
            backdrop.list_photos(options.backgrounds)
            if options.backgrounds
            else ()
        )

    def check(self):
        """Reads every texture, mesh and photo, which are otherwise read late.

        Raises:
            ValueError: Names the file and what is wrong with it.
        """
        if self._wardrobe:
            self._wardrobe.check()
        for path in self._photos:
            backdrop.read_photo(path)

    def _random(self, index, what):
        return generator(self.options.seed, index, what)

    def shape(self, index):
        """The body Shape of the person of an image."""
        rng = self._random(index, "shape")
        drawn = rng.standard_normal(self._body.num_shapes)
        return self._body.shape(np.clip(drawn, -SHAPE_LIMIT, SHAPE_LIMIT))

    def draw_pose(self, index, shape):
        """The pose of an image: (action, frame, rotations (31, 3, 3))."""
        rng = self._random(index, "pose")
        clips = self.clips[split_of(index)]
        if not clips:
            family, turned = poses.draw_pose(rng, shape)
            return family, 0, turned
        # Longer clips are seen more often: every frame is as likely.
        lengths = np.array([clip.num_frames for clip in clips])
        clip = clips[rng.choice(len(clips), p=lengths / lengths.sum())]
        frame = int(rng.integers(clip.num_frames))
        return clip.name, frame, motion.bone_rotations(clip, frame, shape)

    def shot(self, index):
        """Everything that image `index` shows."""
        shape = self.shape(index)
        action, frame, turned = self.draw_pose(index, shape)
        posed = pose(shape, turned)
        # The lowest part of the body touches the ground.
        mesh = self._body.plain
        bare = posed.skin(shape.vertices[mesh.rows], mesh.weights)
        lift = np.array([0, -bare[:, 1].min(), 0], np.float32)
        posed = pose(shape, turned, lift)
        rng = self._random(index, "looks")
        if self._wardrobe:
            outfit = assets.draw_textured(rng, self._wardrobe)
        else:
            outfit = looks.draw_outfit(rng)
        person = outfit.surfaces(shape, posed)
        vertices = np.concatenate([surface.vertices for surface in person])
        camera, box = viewpoint.draw_camera(
            self._random(index, "camera"), vertices, self.options.image_size
        )
        rng = self._random(index, "props")
        things = props.draw_seat(rng, action, posed, bare + lift)
        things += props.draw_occluders(rng, camera, posed.joints, box)
        light = _draw_light(self._random(index, "light"))
        return Shot(
            action, frame, posed.joints, person, things, camera, box, light
        )

    def sample(self, index):
        """The finished image and its labels, a Sample."""
        shot = self.shot(index)
        size = self.options.image_size
        behind, ground = backdrop.draw_backdrop(
            self._random(index, "backdrop"),
            shot.camera,
            size,
            shot.joints.mean(axis=0),
            self._photos,
        )
        light = render.render(
            shot.person + shot.things,
            shot.camera,
            size,
            shot.light,
            behind,
            ground,
        )
        seen, pixels = viewpoint.project(shot.camera, shot.joints)
        ones = np.ones(len(seen), np.float32)
        return Sample(
            image=sensor.photograph(self._random(index, "sensor"), light),
            name=f"{split_of(index)}/{index:07d}.jpg",
            box=shot.box.astype(np.float32),
            joints_mm=seen.astype(np.float32),
            joints_px=pixels.astype(np.float32),
            weight_3d=ones,
            weight_2d=ones,
            intrinsics=shot.camera.intrinsics.astype(np.float32),
            distortion=viewpoint.NO_DISTORTION,
            head_size=0.0,
            subject=f"person_{index:07d}",
            action=shot.action,
            camera=f"camera_{index:07d}",
            frame=shot.frame,
            source="synthetic",
        )


def _draw_light(rng):
    """One lamp or sun, and light from all around."""
    elevation = np.radians(between(rng, LIGHT_ELEVATION))
    azimuth = between(rng, (0, 2 * np.pi))
    direction = np.array(
        [
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
            np.cos(elevation) * np.cos(azimuth),
        ]
    )
    warmth = rng.normal(0, 0.06) * np.array([1, 0, -1])
    around = between(rng, LIGHT_AROUND)
    sky = around * (1 - 0.5 * warmth)
    return render.Light(
        direction,
        between(rng, LIGHT_STRENGTH) * (1 + warmth),
        sky,
        sky * between(rng, (0.3, 0.8)),
    )
