"""Session descriptions from outside, looked at before a parser sees them."""

from typing import Final

from lfrd.errors import BadInput

MAX_SDP_LENGTH: Final = 65_536


def check_sdp(sdp: str) -> None:
    """Refuse what cannot be a session description before a parser sees it. Raises BadInput."""
    if len(sdp) > MAX_SDP_LENGTH:
        raise BadInput(f"a session description has at most {MAX_SDP_LENGTH} characters")
    if not sdp.startswith("v=0"):
        raise BadInput("this is no session description (application/sdp)")
    if "\nm=video " not in sdp:
        raise BadInput("this session description offers no video")
