"""The findings of a survey as text and as JSON."""

import numpy as np

from keras_pose.data.survey import beyond_volumes

_MOST_VALUES = 12  # of a list of subjects, actions, ...


def problems(found):
    """What makes a data set unfit, a line each; none: it may be trained on."""
    lines = list(found.faults)
    rest = found.fault_count - len(found.faults)
    if rest:
        lines.append(f"and {rest} samples more have a fault")
    try:
        found.sides.check()
    except ValueError as error:
        lines.append(str(error))
    lines += [
        f"{shared} samples have a picture that is in {folder} too"
        for folder, shared in found.shared.items()
        if shared
    ]
    if found.count == 0:
        lines.append("it has no samples")
    return lines


def to_dict(found):
    """The findings for a JSON file, units in the names."""
    beyond = beyond_volumes(found)
    mean, spread = found.bones.mean(), found.bones.spread()
    joints = found.skeleton.joints
    return {
        "source": found.source,
        "skeleton": found.skeleton.name,
        "notes": list(found.notes),
        "problems": problems(found),
        "samples": found.count,
        "samples_with_a_fault": found.fault_count,
        "counts": {
            field: dict(sorted(counter.items()))
            for field, counter in found.counts.items()
        },
        "image_bytes": _range(found.column("bytes")),
        "box_side_px": _range(found.column("box_side")),
        "samples_with_2d": int(np.sum(found.column("joints_2d") > 0)),
        "samples_with_3d": int(np.sum(found.column("joints_3d") > 0)),
        "joints_known_2d": _named(joints, found.known_2d),
        "joints_known_3d": _named(joints, found.known_3d),
        "joints_outside_the_image": _outside(found),
        "root_depth_mm": _range(found.column("root_depth")),
        "reach_mm": _range(found.column("reach")),
        "beyond_metric_volume": beyond and beyond[0],
        "beyond_crop_depth": beyond and beyond[1],
        "reprojection_px": _range(found.column("reprojection")),
        "worst_reprojection": found.worst[1] or None,
        "bent_legs": {"right": found.sides.right, "wrong": found.sides.wrong},
        "bones_mm": {
            f"{joints[parent]} - {joints[child]}": {
                "mean": round(float(mean[child]), 2),
                "spread": round(float(spread[child]), 2),
            }
            for parent, child in found.skeleton.bones
        },
        "repeated_samples": found.repeated,
        "pictures_shared_with": found.shared,
    }


def to_text(found):
    """The findings as lines for a terminal."""
    content = to_dict(found)
    lines = [f"{found.source}: {found.count} samples, {found.skeleton.name}"]

    def add(label, text):
        if text:
            lines.append(f"  {label:<16}{text}")

    for note in found.notes:
        add("note", note)
    for field in ("subject", "action", "camera", "image", "format"):
        add(field, _counted(found.counts[field]))
    add("file", _ranged(content["image_bytes"], "bytes", 0))
    add("box", _ranged(content["box_side_px"], "px, the longer side", 0))
    add("2D", _known(content, "2d", found.known_2d, found.skeleton))
    outside = content["joints_outside_the_image"]
    if outside is not None:
        add("", f"{outside:.2%} of these joints lie outside the image")
    add("3D", _known(content, "3d", found.known_3d, found.skeleton))
    add("root depth", _ranged(content["root_depth_mm"], "mm", 0))
    add("reach", _ranged(content["reach_mm"], "mm from the root", 0))
    if content["beyond_metric_volume"] is not None:
        add(
            "",
            f"{content['beyond_metric_volume']:.2%} reach beyond a metric "
            f"volume of 2200 mm, {content['beyond_crop_depth']:.2%} beyond a "
            "crop volume's depth of 2000 mm",
        )
    add("re-projection", _ranged(content["reprojection_px"], "px", 2))
    if found.worst[1]:
        add("", f"worst: {found.worst[1]}")
    legs = found.sides.right + found.sides.wrong
    if legs:
        few = "" if found.sides.is_enough else "; too few to judge by"
        add(
            "sides",
            f"{found.sides.right} of {legs} bent knees bend forward{few}",
        )
    add("repeated", f"{found.repeated} samples have picture and box of another")
    for folder, shared in found.shared.items():
        add("shared", f"{shared} pictures are in {folder} too")
    lines += _bone_lines(found)
    for line in problems(found):
        lines.append(f"PROBLEM: {line}")
    return "\n".join(lines)


def _bone_lines(found):
    """Bones side by side with those of the other side."""
    mean, spread = found.bones.mean(), found.bones.spread()
    if not any(mean):
        return []
    joints, other = found.skeleton.joints, found.skeleton.flip_permutation
    rows = ["  bones, mm                          mean  spread  other side"]
    for parent, child in found.skeleton.bones:
        pair = other[child]
        rows.append(
            f"  {joints[parent] + ' - ' + joints[child]:<33}"
            f"{mean[child]:>6.0f}{spread[child]:>8.1f}"
            + (f"{mean[pair]:>12.0f}" if pair != child else "")
        )
    return rows


def _known(content, kind, known, skeleton):
    samples = content[f"samples_with_{kind}"]
    if not samples:
        return "none"
    text = f"{samples} of {content['samples']} samples"
    missing = {
        joint: 1 - count / samples
        for joint, count in zip(skeleton.joints, known, strict=True)
        if count < samples
    }
    if missing:
        listed = ", ".join(
            f"{joint} {share:.0%}" for joint, share in missing.items()
        )
        text += f"; joints unknown in some of them: {listed}"
    return text


def _counted(counter):
    """A counter's values, the most frequent ones."""
    if set(counter) <= {""}:
        return ""
    common = counter.most_common(_MOST_VALUES)
    rest = len(counter) - len(common)
    text = ", ".join(f"{value or '(none)'} {count}" for value, count in common)
    return text + (f" and {rest} more" if rest else "")


def _range(values):
    if not len(values):
        return None
    return {
        "least": float(values.min()),
        "median": float(np.median(values)),
        "mean": float(np.mean(values, dtype=float)),
        "most": float(values.max()),
    }


def _ranged(values, unit, decimals):
    if values is None:
        return ""
    least, median, mean, most = (
        f"{values[name]:.{decimals}f}"
        for name in ("least", "median", "mean", "most")
    )
    return f"{least} to {most} {unit}; mean {mean}, median {median}"


def _outside(found):
    total = found.column("joints_2d").sum()
    return (
        float(found.column("joints_outside").sum() / total) if total else None
    )


def _named(joints, counts):
    return dict(zip(joints, counts.tolist(), strict=True))
