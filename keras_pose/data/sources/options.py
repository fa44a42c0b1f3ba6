"""What the options of a source may be."""


def one_of(value, choices, option, default):
    """Refuses an option that is none of its values.

    Args:
        value: The option, or None where it is not given.
        choices: Its values, text.
        option: Its name.
        default: What it is where it is not given.

    Returns:
        The value, or the default.

    Raises:
        ValueError: Names the option.
    """
    if value is not None and value not in choices:
        raise ValueError(
            f"`{option}` must be {' or '.join(choices)}. Received: {value}"
        )
    return default if value is None else value


def step(every, default=1):
    """The option `every` as a number, `default` where it is not given.

    Raises:
        ValueError: It is not a positive whole number.
    """
    if every is not None and (not isinstance(every, int) or every < 1):
        raise ValueError(
            f"`every` must be a positive whole number. Received: {every}"
        )
    return default if every is None else every


def subjects_of(subjects, present):
    """The subjects of a data set that are wanted.

    Args:
        subjects: Names as "S1", or None for all.
        present: Those that the data set has.

    Returns:
        Their names, sorted.

    Raises:
        ValueError: None are wanted, or one that is not there.
    """
    present = sorted(set(present))
    if subjects is None:
        return present
    if not subjects or not set(present).issuperset(subjects):
        raise ValueError(
            "`subjects` must be of the data set, which has "
            f"{', '.join(present[:50])}. "
            f"Received: {', '.join(subjects) or 'none'}"
        )
    return [subject for subject in present if subject in subjects]
