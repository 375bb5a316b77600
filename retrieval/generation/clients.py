"""HTTP clients for chat endpoints: one an event loop, because a client's connections belong to its loop."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from functools import lru_cache

import httpx2
from openai import AsyncOpenAI

CONNECTIONS_MAX = 256  # streams open at once from one process
KEPT_ALIVE_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEndpoint:
    """Where a chat model is reached. The key is left out of `repr`, so no log or traceback shows it."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    connect_seconds_max: float = 5.0


_Keeper = AsyncGenerator[AsyncOpenAI]
_clients: dict[tuple[asyncio.AbstractEventLoop, ChatEndpoint], tuple[AsyncOpenAI, _Keeper]] = {}


async def client_for(endpoint: ChatEndpoint) -> AsyncOpenAI:
    """The running loop's client for an endpoint, made on first use and closed when the loop ends."""
    key = (asyncio.get_running_loop(), endpoint)
    if key not in _clients:
        keeper = _keeper(endpoint)
        _clients[key] = (await anext(keeper), keeper)
    return _clients[key][0]


async def _keeper(endpoint: ChatEndpoint) -> _Keeper:
    """Own a client for as long as the loop runs.

    Every runner (asyncio.run, async_to_sync, uvicorn) closes the loop's asynchronous generators at
    its end, and that is the one moment at which a client can still be closed in its own loop.
    """
    client = _new_client(endpoint)
    try:
        yield client
    finally:
        _clients.pop((asyncio.get_running_loop(), endpoint), None)
        await client.close()


def _new_client(endpoint: ChatEndpoint) -> AsyncOpenAI:
    return AsyncOpenAI(
        base_url=endpoint.base_url,
        # The package insists on a key; servers in one's own house often have none.
        api_key=endpoint.api_key or "none",
        max_retries=0,  # `chat` retries itself: it knows whether text has been passed on
        http_client=httpx2.AsyncClient(
            verify=_tls(),
            # A redirect could carry documents and the key to another host.
            follow_redirects=False,
            # How long reading may take is `chat`'s to say; None leaves it to those deadlines.
            timeout=httpx2.Timeout(
                None, connect=endpoint.connect_seconds_max, pool=endpoint.connect_seconds_max
            ),
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=KEPT_ALIVE_MAX),
        ),
    )


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Shared by all clients: loading the certificate store takes 40 ms, the rest of a client one."""
    return httpx2.create_ssl_context()
