"""All times by which people are followed, in seconds: no frame rate matters.

They were tuned together, on made scenes of people who cross, hide and come back
and on a rendered film: change one, and measure all.
"""

# How often a detector looks: for who is new; and while nobody is followed, or
# somebody is in doubt, or somebody new has yet to be found a second time.
DETECT_EVERY_S = 1.0
DETECT_SOON_S = 0.2
# Who is found once counts when found again before this.
CONFIRMED_WITHIN_S = 2.0

# For how long who is in doubt is followed; and for how long after their last
# good pose who was lost gets their number back where they were lost.
PATIENCE_S = 1.0
REMEMBERED_S = 3.0
# Who was given is looked for where they last were in no doubt for this long.
FIRM_S = 0.5
# How far back a detection tells where to look for who is in doubt.
LOOKED_BACK_S = 1.5
# From when on a box is too old to be trusted beside a detection.
STALE_S = 0.4
# For no longer does somebody go on as before.
LONGEST_MOTION_S = 0.5

# Time constants of running means: of the velocity, of the confidence, and of
# the size of a box. It grows sooner than it shrinks: a crop that is too large
# still shows the person.
VELOCITY_S = 0.15
CONFIDENCE_S = 2.0
GROWING_S, SHRINKING_S = 0.3, 1.0

# Two poses that are alike for this long are of one person: people who pass
# each other are for less. Meanwhile nobody keeps to their course for longer
# than the other.
DOUBLE_S = 0.5
COURSE_S = 1.0
