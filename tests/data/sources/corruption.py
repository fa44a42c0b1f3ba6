"""Files made wrong at random, and what reading them comes to.

Run as a module it is the process that may die: it makes the data sets, damages
one file a case, reads all of it, and prints a line of JSON before and after.

python -m tests.data.sources.corruption NAMES FIRST COUNT FOLDER
"""

import json
import pathlib
import random
import resource
import shutil
import sys
import time

from keras_pose import memory
from tests.data.sources import made_h36m
from tests.data.sources import made_others

MEMORY_BYTES = 6 * 2**30  # of address space; OpenCV's and SciPy's count
SECONDS = 120


def damaged(content, rng):
    """Bytes of a file after a random accident, and its name."""
    kind = rng.choice(
        ["bits", "bytes", "cut", "zeros", "swap", "grow", "huge", "text"]
    )
    data = bytearray(content)
    place = rng.randrange(max(len(data), 1))
    if kind == "bits":
        for _ in range(rng.choice([1, 1, 8, 64])):
            spot = rng.randrange(max(len(data), 1))
            if data:
                data[spot] ^= 1 << rng.randrange(8)
    elif kind == "bytes":
        size = rng.choice([1, 4, 32])
        data[place : place + size] = rng.randbytes(size)
    elif kind == "cut":
        data = data[:place]
    elif kind == "zeros":
        size = rng.choice([8, 200, 5000])
        data[place : place + size] = bytes(size)
    elif kind == "swap":
        other = rng.randrange(max(len(data), 1))
        size = rng.choice([4, 64, 1000])
        data[place : place + size] = data[other : other + size]
    elif kind == "grow":
        data[place:place] = rng.randbytes(rng.choice([1, 9, 3000]))
    elif kind == "huge":  # a size, if the place is that of one
        data[place : place + 4] = rng.choice(
            [b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x00\x40"]
        )
    else:
        data[place : place + 3] = rng.choice(
            [b"NaN", b"1e9", b"-1,", b'"x"', b"[[[", b"../", b"nul"]
        )
    return bytes(data), kind


def read_all(name, root, options):
    """Reads a data set as prepare.py does, all but the writing."""
    from keras_pose.data import proof
    from keras_pose.data import sources

    source = sources.open_source(name, str(root), options)
    count = 0
    for sample in source.samples:
        proof.check_sample(sample, source.skeleton)
        count += 1
    if count != source.count:
        raise ValueError(f"{root}: {source.count} listed, {count} read")


def read_records(root):
    """Reads a prepared data set as training does."""
    from keras_pose.data.store import Records

    records = Records([str(root)])
    numbers = range(len(records))
    for _ in records.pictures(numbers, records.read(numbers)):
        pass
    records.check()


def made_data_sets():
    """{name: (source, function that writes it)}."""
    made = made_h36m.MADE | made_others.MADE
    source_of = made_others.SOURCE_OF
    return {
        name: (source_of.get(name, name), make) for name, make in made.items()
    }


def main(names, first, count, folder):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    data_sets = made_data_sets()
    folder = pathlib.Path(folder)
    roots = {}
    for name in names:
        roots[name] = folder / name
        roots[name].mkdir()
    for number in range(first, first + count):
        name = names[number % len(names)]
        source, make = data_sets[name] if name != "records" else (None, None)
        root = folder / "case"
        if not any(roots[name].iterdir()):
            options = _make(name, make, roots[name], data_sets)
            (roots[name] / ".options").write_text(json.dumps(options))
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(roots[name], root)
        options = json.loads((root / ".options").read_text())
        (root / ".options").unlink()
        options = {
            key: value.replace(str(roots[name]), str(root))
            if isinstance(value, str)
            else value
            for key, value in options.items()
        }
        rng = random.Random(number)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        # Pictures are many and alike; annotations are what differs.
        weights = [
            1 if path.suffix in (".jpg", ".png") else 8 for path in files
        ]
        path = rng.choices(files, weights)[0]
        content, kind = damaged(path.read_bytes(), rng)
        path.write_bytes(content)
        case = {"case": number, "data": name, "file": path.name, "kind": kind}
        print(json.dumps(case), flush=True)
        print(json.dumps(case | _outcome(name, source, root, options)))
        sys.stdout.flush()


def _make(name, make, root, data_sets):
    """Writes a data set; that of records is the folder's, converted."""
    if name != "records":
        return {
            key: str(value) if isinstance(value, pathlib.Path) else value
            for key, value in make(root).items()
        }
    from keras_pose.data import sources
    from keras_pose.data.conversion import convert

    raw = root.parent / "raw"
    raw.mkdir()
    source, make = data_sets["folder"]
    opened = sources.open_source(source, str(raw), make(raw))
    convert(opened, root / "set", samples_per_shard=2)
    for path in (root / "set").iterdir():
        path.rename(root / path.name)
    (root / "set").rmdir()
    return {}


def _outcome(name, source, root, options):
    start = time.monotonic()
    try:
        if name == "records":
            read_records(root)
        else:
            read_all(source, root, options)
        outcome = {"outcome": "read"}
    except (ValueError, OSError) as error:
        outcome = {"outcome": "refused", "error": str(error)}
    except BaseException as error:
        kind = type(error).__name__
        outcome = {"outcome": "raised", "error": f"{kind}: {error}"}
    seconds = time.monotonic() - start
    return outcome | {"seconds": round(seconds, 2), "mb": memory.peak_mb()}


if __name__ == "__main__":
    main(sys.argv[1].split(","), *map(int, sys.argv[2:4]), sys.argv[4])
