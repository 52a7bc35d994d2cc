"""A real server of the Academy for SCIM's clients: uvicorn in a thread, over http, on the test's own database."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from app.core.config import load
from app.core.db import Database
from app.main import create_app


@contextmanager
def serving(database: Database, folder: Path, **settings: Any) -> Iterator[str]:
    """The address of a server over this database, for as long as the block lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    app = create_app(load(base_url=address, mail_dir=folder, log_level="error", threads=4, **settings), database)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.02)
        yield address
    finally:
        server.should_exit = True
        thread.join(10)
        app.state.calls.stop()
