"""The check of a data set: read whole, reported, drawn, and nothing kept."""

import json
import os

from PIL import Image

from keras_pose import durable
from keras_pose.data import survey
from keras_pose.data import survey_report
from keras_pose.data.store import Records
from keras_pose.data.survey_sheet import Sheet

REPORT_FILE = "report.json"
SHEET_FILE = "samples.png"


def check(source, out, against=(), progress=None):
    """Reads a data set and writes what was found.

    Args:
        source: A `sources.Source`.
        out: Folder to make, of report.json and samples.png.
        against: Folders made by prepare.py that must share no picture with it.
        progress: Called with the number of samples read so far.

    Returns:
        (the report as text, whether nothing speaks against the data set).

    Raises:
        ValueError: `out` exists, or a folder of `against` is none; or the
            source cannot go on.
    """
    with durable.new_folder(out) as partial:
        digests = {
            folder: survey.digests_of(Records([folder])) for folder in against
        }
        sheet = Sheet(source.skeleton, source.count)
        found = survey.survey(source, digests, progress, sheet.add)
        _write(partial, found, sheet)
    return survey_report.to_text(found), not survey_report.problems(found)


def _write(folder, found, sheet):
    path = os.path.join(folder, REPORT_FILE)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(survey_report.to_dict(found), file, indent=1, allow_nan=False)
        file.write("\n")
    picture = sheet.draw()
    if picture is not None:
        Image.fromarray(picture).save(os.path.join(folder, SHEET_FILE))
