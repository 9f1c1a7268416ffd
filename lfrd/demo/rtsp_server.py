"""The program of the demo's server process: `python -m lfrd.demo.rtsp_server FOLDER PORT`."""

import asyncio
import sys

from aio_rtsp_toolkit import server


def main() -> None:
    """Serve a folder's clips on loopback until terminated."""
    folder, port = sys.argv[1:3]
    asyncio.run(server.serve(folder, host="127.0.0.1", port=int(port)))


if __name__ == "__main__":
    main()
