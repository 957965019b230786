"""Local servers for tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen


class QuietServer(ThreadingHTTPServer):
    """Prints no traceback if a client closes the connection."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class FileHandler(SimpleHTTPRequestHandler):
    """Serves the files of a folder, without a log."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web_server(handler: type[BaseHTTPRequestHandler], folder: Path | str | None = None) -> Iterator[str]:
    """Runs a web server; gives its address.

    Args:
        handler: Answers the requests.
        folder: Whose files a `SimpleHTTPRequestHandler` gives out.
    """
    answer = handler if folder is None else partial(handler, directory=str(folder))
    with QuietServer(("127.0.0.1", 0), answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def s3_server(bucket: str) -> Iterator[str]:
    """Runs an S3 server with one empty bucket; gives its address."""
    from moto.server import ThreadedMotoServer  # here, as it takes a second

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urlopen(Request(f"http://{host}:{port}/{bucket}", method="PUT"), timeout=60)
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
