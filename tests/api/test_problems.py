"""Refusals and the access log repeat nothing that may be secret."""

import logging
from pathlib import Path

import httpx
import pytest

from lfrd.errors import NotFound
from support.program import Call
from support.site import serve


async def test_an_address_for_an_id_is_not_repeated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    address = "rtsp://u:Zq9Secret@h/x"
    async with serve(tmp_path / "state") as served:
        with pytest.raises(NotFound, match="named by its id") as caught:
            await served.client.check_camera(address, 1.0)
        assert "Zq9Secret" not in str(caught.value)
        over = httpx.AsyncHTTPTransport(uds=str(served.socket))
        async with httpx.AsyncClient(transport=over, base_url="http://lfrd") as http:
            for path in (f"/v1/cameras/{address}", "/v1/cameras/Zq9Secret@h", "/v1/Zq9Secret@h"):
                for method in ("GET", "DELETE", "PUT"):
                    assert "Zq9Secret" not in (await http.request(method, path)).text
    assert "/v1/cameras/***" in caplog.text
    logged = [r for r in caplog.records if r.name.startswith(("lfrd", "uvicorn"))]
    assert "Zq9Secret" not in "".join(record.getMessage() for record in logged)


@pytest.mark.parametrize(
    "words",
    [
        ("camera", "add", "door", "rtsp://u:Zq9Secret", "Zq9Secret@h"),
        ("camera", "rtsp://u:Zq9Secret@h"),
        ("camera", "test", "door", "--seconds", "rtsp://u:Zq9Secret@h"),
        ("camera", "add", "door", "--password=Zq9Secret"),
        ("try", "u:Zq9Secret@h/x", "--watchlist", "."),
    ],
)
def test_a_mistyped_command_line_is_not_repeated(call: Call, words: tuple[str, ...]) -> None:
    ran = call(*words)
    assert ran.code == 2
    assert "Zq9Secret" not in ran.out + ran.err
