"""Why a camera raised nobody: from counts to what an operator can do about it. Pure."""

from lfrd.counters import CameraCounters

MATCHED_INTER_EYE_PX = 32.0
"""From this distance between the eyes on, faces are recognised with some confidence."""


def advice(counters: CameraCounters, never_compared: int, below: int) -> tuple[str, ...]:
    """Sentences, the most helpful first; nothing in them is about any one person."""
    if not counters.frames_decoded:
        return ("no picture arrived: see the camera's state",)
    if not counters.faces_detected:
        return ("no face was found: is the camera aimed at faces, in light, from the front?",)
    found = []
    skipped = counters.looks_skipped
    best = counters.best_inter_eye_px
    if best < MATCHED_INTER_EYE_PX:
        found.append(
            f"the largest face had {best:.0f} px between the eyes, {MATCHED_INTER_EYE_PX:.0f} are "
            "needed to match and 45 to 60 are good: come nearer, or use the full resolution"
        )
    if skipped["too-small"] > skipped["turned-away"] and never_compared:
        found.append(f"{never_compared} tracks were never compared, mostly because faces are small")
    elif skipped["turned-away"] and never_compared:
        found.append(
            f"{never_compared} tracks were never compared, mostly because heads are turned away: "
            "move the camera towards where people look"
        )
    if skipped["pool-full"]:
        found.append("more faces came at once than can be compared: give the machine more threads")
    if counters.frames_dropped > counters.frames_detected:
        found.append("most frames are dropped: the machine is too slow for its cameras")
    if below:
        found.append(
            f"{below} tracks were compared and stayed below the threshold: they are strangers, or "
            "the reference photos are poor (see their findings)"
        )
    return tuple(found)
