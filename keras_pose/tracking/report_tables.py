"""The tables of a report, from run.json and scores.json."""

import datetime
import json
import os

from keras_pose import config as config_lib
from keras_pose.tracking import report_page as html

SCORES_FILE = "scores.json"  # as `Scores.to_dict` gives them


def scores(workdir):
    """The errors of each joint, longest bar for the largest."""
    path = os.path.join(workdir, SCORES_FILE)
    if not os.path.exists(path):
        return html.Markup("")
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        joints = [
            (joint, row["mpjpe"], row["pa_mpjpe"])
            for joint, row in found["per_joint_mm"].items()
        ]
        mean = ("mean", found["mpjpe_mm"], found["pa_mpjpe_mm"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not the scores of a network: {error}") from (
            error
        )
    most = max((x[1] for x in [*joints, mean] if x[1] is not None), default=0)
    rows = [
        (
            joint,
            _number(mpjpe),
            _number(pa_mpjpe),
            html.bar(mpjpe / most) if mpjpe and most else "",
        )
        for joint, mpjpe, pa_mpjpe in [*joints, mean]
    ]
    return html.joined(
        [
            html.table(
                ("joint", "MPJPE, mm", "PA-MPJPE, mm", ""), rows, "numbers"
            ),
            html.element("p", f"{found['frames']:,} frames", classes="faint"),
        ]
    )


def settings(config):
    """What differs from the defaults, and below it all else."""
    defaults = json.loads(config_lib.to_json(config_lib.Config()))
    changed, others = [], []
    for part, fields in config.items():
        for field, value in fields.items():
            default = defaults.get(part, {}).get(field)
            row = (f"{part}.{field}", _code(value), _code(default))
            (others if value == default else changed).append(row)
    rest = html.table((), [row[:2] for row in others])
    return html.joined(
        [
            html.table(("setting", "value", "default"), changed),
            html.element(
                "details",
                html.element(
                    "summary", f"{len(others)} settings at their defaults"
                ),
                rest,
            ),
        ]
    )


def data(uses):
    """The folders that a run reads."""
    rows = [
        (
            use,
            row["folder"],
            f"{row['count']:,}",
            html.element("code", row["sha256"]),
        )
        for use, folders in uses.items()
        for row in folders
    ]
    return html.table(("used for", "folder", "samples", "SHA-256"), rows)


def starts(entries, rows):
    """When a run began and went on, how each start ended and what it noted."""
    cells = []
    for number, (entry, last_row) in enumerate(with_last_row(entries, rows), 1):
        notes = dict(entry.get("notes", {}))
        notes.pop("end", None)
        noted = notes.pop("time", None)
        heard = max(
            last_row["time"] if last_row else 0, seconds(noted) if noted else 0
        )
        cells.append(
            (
                moment(seconds(entry["time"])),
                f"{entry['step']:,}",
                end_of(entry, is_last=number == len(entries)),
                moment(heard) if heard else "",
                entry["host"],
                html.element("code", " ".join(entry["command"])),
                html.joined(
                    html.element(
                        "p", f"{note.replace('_', ' ')}: ", _code(value)
                    )
                    for note, value in notes.items()
                    if value
                ),
            )
        )
    return html.table(
        (
            "began",
            "at step",
            "end",
            "last heard of",
            "host",
            "command",
            "notes",
        ),
        cells,
        "log",
    )


def end_of(entry, is_last):
    """How a start ended, as far as it could say."""
    end = entry.get("notes", {}).get("end")
    return end or ("under way, or killed" if is_last else "killed")


def with_last_row(entries, rows):
    """Each start with the last row of metrics.jsonl that it wrote, or None."""
    began = [seconds(entry["time"]) for entry in entries] + [float("inf")]
    return [
        (
            entry,
            max(
                (row for row in rows if began[i] <= row["time"] < began[i + 1]),
                key=lambda row: row["time"],
                default=None,
            ),
        )
        for i, entry in enumerate(entries)
    ]


def versions(entries):
    """What a run was made of; several values if it changed between starts."""
    found = {}
    for entry in entries:
        git = entry["git"]
        commit = git and git["commit"] + (", changed" if git["changed"] else "")
        every = {
            **entry["versions"],
            "commit": commit,
            "backend": entry["backend"],
            "platform": entry["platform"],
        }
        for part, value in every.items():
            values = found.setdefault(part, [])
            if value not in values:
                values.append(value)
    return html.table(
        (),
        [
            (part, ", then ".join(str(value or "none") for value in values))
            for part, values in found.items()
            if values != [None]
        ],
    )


def seconds(iso):
    """A time as run.json has it, in seconds as metrics.jsonl has them."""
    return datetime.datetime.fromisoformat(iso).timestamp()


def moment(time):
    """Seconds since 1970 as the local date and time."""
    return datetime.datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")


def _code(value):
    return html.element("code", json.dumps(value, ensure_ascii=False))


def _number(value):
    return "–" if value is None else f"{value:.1f}"
