"""Takes syslog over TCP (RFC 6587, octet counting), parses each message with packages of others, and prints it, a JSON object
a line. The first line is the port."""

import json
import socket
import sys

import pycef
from syslog_rfc5424_parser import SyslogMessage


def messages(stream):
    while stream:
        length, _, rest = stream.partition(b" ")
        yield rest[: int(length)].decode()
        stream = rest[int(length) :]


def all_of(connection):
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    with connection:
        for text in messages(all_of(connection)):
            message = SyslogMessage.parse(text)
            said = message.as_dict()
            print(json.dumps({"syslog": said, "cef": pycef.parse(message.msg)}), flush=True)
