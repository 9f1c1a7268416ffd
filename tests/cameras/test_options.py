from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.cameras.life import CameraOptions
from lfrd.errors import BadInput
from lfrd.ingest.masks import Polygon, Regions
from lfrd.ingest.settings import Correction, IceServer

WHOLE = Polygon(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
DOOR = Polygon(((0.1, 0.2), (0.4, 0.2), (0.3, 0.9)))


@given(
    st.builds(
        CameraOptions,
        transport=st.sampled_from(["tcp", "udp"]),
        ca_file=st.sampled_from([None, Path("/etc/ssl/cam.pem")]),
        hwaccel=st.sampled_from([None, "cuda"]),
        keep_connected=st.booleans(),
        regions=st.sampled_from([Regions(), Regions((WHOLE,), (DOOR,))]),
        ice_servers=st.sampled_from([(), (IceServer("turn:a:1", "u", "p"),)]),
        bearer_token=st.sampled_from([None, "t"]),
        correction=st.sampled_from([Correction(), Correction(90, "16:9", "on")]),
        stream=st.sampled_from([None, 0, 3]),
        pin=st.sampled_from([None, "sha256:" + "0a" * 32]),
        look_address=st.sampled_from([None, "/2", "rtsp://u:p@cam/2"]),
    )
)
def test_what_is_kept_comes_back(options: CameraOptions) -> None:
    assert CameraOptions.from_json(options.to_json()) == options


def test_rows_without_keys_have_defaults() -> None:
    assert CameraOptions.from_json('{"transport": "udp", "later": 1}') == CameraOptions("udp")


def test_a_publishing_token_is_kept_as_a_digest_only() -> None:
    options, token = CameraOptions().with_publish_token()
    assert options.may_publish(token)
    assert not options.may_publish(token + "x")
    assert not CameraOptions().may_publish("")
    assert token not in options.to_json()
    assert "secret" not in repr(CameraOptions(bearer_token="secret", look_address="rtsp://secret"))


def test_an_impossible_region_is_refused() -> None:
    with pytest.raises(BadInput):
        CameraOptions.from_json('{"privacy": [[[0, 0], [2, 0], [1, 1]]]}')
