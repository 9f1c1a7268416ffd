"""The wire contract of API v1: what the server sends and the client reads.

Times are Unix seconds UTC (`_at_s`), durations seconds (`_s`), sizes pixels (`_px`). Every model is
frozen and refuses unknown keys, so that a misspelt field in a request is an error and not silence.
A refusal is a `Problem` (RFC 9457, media type application/problem+json).
"""

built_at_first_use = False
"""Whether a message's checks are made when the first of its kind is, not when its module is
imported. A client that speaks of three kinds says so before it imports them
(`lfrd.cli.reach.begin_client`); the daemon makes all while it starts, and none in a request.
"""
