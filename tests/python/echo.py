"""What Python's own HTTP parser makes of a request, told back. Prints its port, and ends with its standard input."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

seen = 0
lock = threading.Lock()


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def told(self):
        global seen
        with lock:
            seen += 1
            count = seen
        url = urlsplit(self.path)
        length = int(self.headers.get("content-length", 0))
        said = json.dumps(
            {
                "seen": count,
                "method": self.command,
                "segments": [unquote(segment, errors="strict") for segment in url.path.split("/")[1:]],
                "query": parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)),
                "headers": [name.lower() for name in self.headers.keys()],
                "body": self.rfile.read(length).decode(),
            }
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = told

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
