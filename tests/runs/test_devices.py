"""One device, several, and several processes: the same run."""

import json

import numpy as np
import pytest

# Rounding is all that differs: sums are of two or four parts. What training
# makes of it grows from step to step; Adam, which divides by gradients however
# small, makes more.
FIRST_STEP = 1e-6  # of the loss, relative
FIFTY_STEPS = {"adam": 1e-2, "sgd": 3e-3}
MPJPE_MM = 0.01

KINDS = {
    "two devices": (("--num_virtual_devices=2",), {}),
    "four devices": (("--num_virtual_devices=4",), {}),
    "two workers": ((), {"num_workers": 2}),
    "two workers of Slurm": ((), {"num_workers": 2, "cluster": "slurm"}),
}
STEPS = (  # each of them an epoch, and a row of the journal
    "--config.train.steps_per_epoch=1",
    "--config.train.epochs=50",
    "--config.train.validation_every=50",
)
STILL = (  # weights and people stay as they are
    "--config.train.learning_rate=1e-12",
    "--config.train.warmup_steps=0",
    "--config.train.batch_norm=frozen",
    *(
        f"--config.augmentation.{field}=0"
        for field in (
            "flip",
            "rotation",
            "scale",
            "shift",
            "contrast",
            "brightness",
        )
    ),
)


def losses_of(run):
    return np.array([row["train/loss"] for row in run.rows()])


def mpjpe_of(run):
    return run.rows()[-1]["validation/mpjpe_mm"]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_losses_of_fifty_steps_are_the_same(make_run, optimizer):
    flags = *STEPS, f"--config.train.optimizer={optimizer}"
    one = losses_of(make_run("one", *flags, "--strategy=one_device").finish())
    losses = {
        kind: losses_of(make_run(kind, *flags, *more, **options).finish())
        for kind, (more, options) in KINDS.items()
    }
    assert len(one) == 50
    for kind, other in losses.items():
        difference = np.abs(other / one - 1)
        print(
            f"{optimizer}, {kind}: {difference[0]:.1e} {difference.max():.1e}"
        )
        assert difference[0] < FIRST_STEP
        assert difference.max() < FIFTY_STEPS[optimizer]
    # In two parts or by two processes: bit by bit.
    for kind in ("two workers", "two workers of Slurm"):
        np.testing.assert_array_equal(losses[kind], losses["two devices"])


@pytest.mark.slow
def test_validation_of_1003_people_is_the_same(make_run, make_folder):
    people = make_folder("people", 1003, 5000)
    learnt = make_run("learnt", "--config.train.epochs=4").finish()
    flags = (
        *STILL,
        f"--config.model.initial={learnt.workdir / 'last.keras'}",
        "--config.train.steps_per_epoch=1",
        "--config.train.epochs=1",
    )

    def run_of(kind, more, options):
        run = make_run(kind, *flags, *more, validation=people, **options)
        run.finish()
        scores = json.loads((run.workdir / "scores.json").read_text())
        assert scores["frames"] == 1003
        return run

    one = mpjpe_of(run_of("one", ("--strategy=one_device",), {}))
    for kind, (more, options) in KINDS.items():
        run = run_of(kind, more, options)
        print(f"{kind}: {mpjpe_of(run)} mm, one device {one} mm")
        assert abs(mpjpe_of(run) - one) < MPJPE_MM


@pytest.mark.slow
def test_each_sample_counts_once_an_epoch(make_run):
    flags = *STILL, "--config.train.epochs=2"
    one = make_run("one", *flags, "--strategy=one_device").finish()
    for name, more in {
        "record": (),
        "file": ("--config.data.shard_by=file",),
        "accumulated": (
            "--config.data.shard_by=file",
            "--config.train.accumulation=2",
        ),
        "replica": (
            "--config.train.batch_size_per=replica",
            "--config.train.batch_size=4",
        ),
    }.items():
        run = make_run(name, *flags, *more, num_workers=2).finish()
        for row, expected in zip(run.rows(), one.rows(), strict=True):
            assert row["step"] == expected["step"]
            # The network does not learn, so that a mean over all people does
            # not depend on their order.
            assert row["train/mpjpe_mm"] == pytest.approx(
                expected["train/mpjpe_mm"], rel=1e-5
            )
