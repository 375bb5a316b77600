"""A uvicorn process that names its port once it serves: `python -m tests.browser.serve MODULE:APP`."""

import socket
import sys

import uvicorn


class NamingServer(uvicorn.Server):
    """Prints the port to stdout when requests are accepted, so that nobody has to wait and try."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets
        sys.stdout.write(f"{sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()


def main(application: str) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=2)
    NamingServer(config).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1])
