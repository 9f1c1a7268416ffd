"""The program of the demo's server process: `python -m lfrd.demo.rtsp_server FOLDER PORT`."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from aio_rtsp_toolkit import server

STREAMS = 64


def main() -> None:
    """Serve a folder's clips on loopback until terminated."""
    folder, port = sys.argv[1:3]
    asyncio.run(_serve(folder, int(port)))


async def _serve(folder: str, port: int) -> None:
    """Each stream takes a thread for as long as it runs; of the usual few, those of further streams
    would wait for ever, connected and silent."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(STREAMS))
    await server.serve(folder, host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
