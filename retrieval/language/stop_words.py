"""English words that say nothing about what a text is on."""

LISTED = """
    a about above after again against all also am among an and any are as at be because been before being
    below between both but by can could did do does doing done down during each either else ever every few
    for from further get gets got had has have having he her here hers herself him himself his how however i
    if in into is it its itself just let may me might more most much must my myself neither no nor not now of
    off on once only or other our ours ourselves out over own per please same shall she should since so some
    such tell than that the their theirs them themselves then there these they this those though through to
    too under until up upon us very was we were what when where whether which while who whom whose why will
    with within without would yet you your yours yourself yourselves
"""
# What an apostrophe leaves behind: don't, you'll, I'm, it's.
ENDINGS = "d ll m o re s t ve don doesn didn isn aren wasn weren hasn haven hadn won wouldn shouldn couldn mustn ain"

STOP_WORDS = frozenset((*LISTED.split(), *ENDINGS.split()))
