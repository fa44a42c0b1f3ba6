"""What a step tells of itself, on any backend."""


def make_logs(sums, gradient_norm, is_skipped, is_overflow, accumulation):
    """The logs of a step.

    Args:
        sums: {name: float} as of `make_objective`, summed over the replicas
            and the parts of the batch.
        gradient_norm: Of all gradients together; 0 for a skipped step.
        is_skipped: Whether it changed nothing for not being finite.
        is_overflow: Whether it only found the loss scale too large.
        accumulation: The number of parts.

    Returns:
        A dict of floats: the losses, means over the batch; "mpjpe_mm";
        "outside", the share of the known joints that lie outside the volume;
        "gradient_norm", "skipped" and "overflow".
    """
    sums = dict(sums)
    error, joints = sums.pop("error_mm"), sums.pop("joints")
    outside, inside = sums.pop("outside"), sums.pop("inside")
    logs = {name: value / accumulation for name, value in sums.items()}
    return logs | {
        "mpjpe_mm": error / joints if joints else 0.0,
        "outside": outside / (outside + inside) if outside + inside else 0.0,
        "gradient_norm": gradient_norm,
        "skipped": float(is_skipped),
        "overflow": float(is_overflow),
    }
