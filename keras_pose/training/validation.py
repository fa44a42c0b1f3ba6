"""Scores and pictures of a network while it trains."""

import numpy as np

from keras_pose.data import threads
from keras_pose.evaluation import scoring
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry.volume import View
from keras_pose.tracking.comparison import comparison_sheet
from keras_pose.training.samples import Damage


class Validation:
    """The validation of a run, which its workers share.

    Args:
        spec: The network's PoseSpec.
        records: The `Records` of the validation data.
        engine: The run's engine.
        batch_size: Images given to the network at once.
        num_pictures: Samples drawn, the same ones every time.

    Attributes:
        damage: The Damage of the records.

    Raises:
        ValueError: None of the data has a 3D pose, so that nothing is scored.
    """

    def __init__(self, spec, records, engine, batch_size, num_pictures):
        if not any(any(info.bone_lengths_mm) for info in records.infos):
            raise ValueError(
                "`data.validation` must have 3D poses to be scored. Received: "
                f"{len(records)} samples without"
            )
        self._spec = spec
        self._records = records
        self.damage = Damage(records)
        self._engine = engine
        self._batch_size = batch_size
        count = min(num_pictures, len(records))
        self._shown = np.linspace(0, len(records) - 1, count).astype(int)

    def scores(self, predict, progress, is_interrupted):
        """Scores a network; each sample counts once.

        Args:
            predict: As of `scoring.errors_of`.
            progress: Takes the numbers of frames done and of all.
            is_interrupted: Takes nothing; whether to give up.

        Returns:
            Scores, the same in every worker; None if any worker gave up.
        """
        engine, count = self._engine, len(self._records)
        own = np.arange(engine.worker, count, engine.num_workers)

        def show(done):
            if is_interrupted():
                raise _GivenUp
            progress(done, len(own))

        try:
            errors = scoring.errors_of(
                predict, self._spec, self._records, self._batch_size, own, show
            )
        except _GivenUp:
            errors = None
        finally:
            self.damage.check()
        given_up = engine.total(np.float32([errors is None]))
        if given_up.any():
            return None

        def joined(part):
            whole = np.zeros((count, part.shape[1]), np.float32)
            whole[own] = part
            return engine.total(whole)

        errors = scoring.JointErrors(*map(joined, errors))
        return scoring.summarise(errors, self._spec)

    def picture(self, predict):
        """Draws the poses of some samples beside the true ones.

        Args:
            predict: As of `scoring.errors_of`.

        Returns:
            (height, width, 3) uint8; None where no sample that is shown has
            a 3D pose and a camera.
        """
        if not len(self._shown):
            return None
        (batch,) = threads.batches(
            self._records, self._spec, len(self._shown), self._shown
        )
        poses = np.asarray(predict(batch["image"])["pose"])
        root = self._spec.skeleton.root
        usable = batch["weight_3d"][:, root] > 0
        usable &= batch["view"].intrinsics.any(axis=(1, 2))
        if not usable.any():
            return None
        view = View(*(part[usable] for part in batch["view"]))
        true = batch["joints_mm"][usable]
        predicted = self._spec.volume.decode(poses[usable], view)
        at_root = true[:, root : root + 1]
        predicted += at_root - predicted[:, root : root + 1]

        def in_crop(joints_mm):
            pixels = camera.image_from_camera(
                joints_mm, view.intrinsics, view.distortion
            )
            return crop.apply(view.crop_from_image, pixels)

        return comparison_sheet(
            batch["image"][usable],
            in_crop(true),
            in_crop(predicted),
            true - at_root,
            predicted - at_root,
            batch["weight_3d"][usable] > 0,
            self._spec.skeleton,
        )


class _GivenUp(Exception):
    """A signal came while a network was scored."""
