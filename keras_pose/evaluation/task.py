"""What is to be scored: samples picked by a protocol, and poses for them."""

import dataclasses

import numpy as np

from keras_pose.data.store import Records
from keras_pose.evaluation import mean_pose
from keras_pose.evaluation.inference import infer
from keras_pose.evaluation.prediction_files import read_predictions
from keras_pose.evaluation.predictions import matched
from keras_pose.evaluation.protocols import Protocol
from keras_pose.evaluation.protocols import select
from keras_pose.evaluation.report import Conventions
from keras_pose.evaluation.report import evaluate
from keras_pose.evaluation.truth import Truth
from keras_pose.evaluation.truth import read_truth
from keras_pose.geometry.volume import CropVolume


@dataclasses.dataclass(frozen=True)
class Task:
    """Samples to score.

    Attributes:
        records: The `store.Records` of all that is given.
        protocol: The Protocol.
        given: The Truth of all records.
        rows: (N,) rows of it that the protocol scores.
        truth: The Truth of these.
    """

    records: Records
    protocol: Protocol
    given: Truth
    rows: np.ndarray
    truth: Truth

    @classmethod
    def open(cls, folders, protocol, skeleton=None):
        """Reads the labels of data sets, without decoding an image.

        Args:
            folders: Data sets made by prepare.py.
            protocol: The Protocol.
            skeleton: The Skeleton to score; by default the first data set's.

        Raises:
            ValueError: A folder is no data set, a record is damaged, or a
                subject of the protocol is missing.
            OSError: A record cannot be read.
        """
        records = Records(folders)
        given = read_truth(records, skeleton or records.infos[0].skeleton)
        rows = select(protocol, given)
        return cls(records, protocol, given, rows, given.take(rows))

    def infer(
        self,
        artefact,
        batch_size,
        flip=False,
        crops=1,
        root_depth="true",
        progress=None,
    ):
        """Runs a network.

        Args:
            artefact: The `artefacts.Artefact`.
            batch_size: Images at once.
            flip: Whether to average with the mirrored image's pose.
            crops: How many crops of a person to average over.
            root_depth: "true" or "estimated", of a crop volume.
            progress: Called with the number of samples done.

        Returns:
            The Predictions of `truth`, and their Conventions.
        """
        spec = artefact.spec
        predictions = infer(
            artefact.predict,
            spec,
            self.records,
            batch_size,
            numbers=self.truth.numbers,
            flip=flip,
            crops=crops,
            root_depth=root_depth,
            progress=progress,
        )
        if not isinstance(spec.volume, CropVolume):
            root_depth = "none"
        augmentation = [f"mean over {crops} crops"] if crops > 1 else []
        augmentation += ["mean with the mirrored image"] if flip else []
        return predictions, Conventions(
            root_depth, ", ".join(augmentation) or "none"
        )

    def read(self, path):
        """Reads poses of another system, as `read_predictions`.

        Returns:
            The Predictions of `truth`, and what is known of their Conventions.
        """
        found = matched(read_predictions(path), self.given, self.rows)
        return found, Conventions()

    def mean_pose(self, folders):
        """The Report of one pose for all, the mean of training data.

        Args:
            folders: The training data.

        Raises:
            ValueError: They hold no 3D pose.
        """
        training = read_truth(Records(folders), self.truth.skeleton)
        predictions = mean_pose.constant_predictions(
            mean_pose.mean_pose(training), self.truth
        )
        return evaluate(
            self.truth,
            predictions,
            self.protocol,
            Conventions("none", "none"),
            num_draws=0,
        )
