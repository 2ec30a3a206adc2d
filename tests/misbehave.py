#!/usr/bin/env python3
"""An HTTP server that misbehaves on purpose, for tests.

misbehave.py IMAGE DIR serves the bytes of IMAGE on a free loopback port,
which it writes to DIR/port.  What it does is said by the path of the URL,
read from left to right: first how and when, then what, then any name.

  /etag/KIND/...    weak, none, empty, odd (no quotes), huge; or bare: without
                    an ETag and without the Last-Modified there is otherwise
  /clock/...        the server's clock, and the object's time, are in 1970
  /http10/...       HTTP/1.0, closing after each reply
  /close/...        HTTP/1.1, the same
  /later/...        the request for the first byte is answered well
  /first/N/...      only the first N requests for more than that go wrong
  /every/N/...      only each N'th of them
  /plain            nothing wrong; all the others are in misbehaviours.py

One line a request goes to DIR/requests before it is answered: requests in
flight, method, target and all header fields.  DIR/state, if it exists, says
what has become of the object: changed, grown, shrunk or vanished.
"""

import collections
import os
import socket
import socketserver
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
from misbehaviours import Close, behaviours, plain      # noqa: E402

HEAD_MAX = 65536
REASONS = {200: "OK", 206: "Partial Content", 302: "Found",
           404: "Not Found", 416: "Range Not Satisfiable"}


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, image, directory):
        super().__init__(("127.0.0.1", 0), Connection)
        with open(image, "rb") as f:
            self.image = f.read()
        self.changed = self.image.translate(bytes(b ^ 255 for b in range(256)))
        self.directory = directory
        self.lock = threading.Lock()
        self.counters = collections.Counter()
        self.in_flight = 0
        self.log = open(os.path.join(directory, "requests"), "a",
                        buffering=1)

    def version(self):
        """The bytes there are now, and the number of the version."""
        try:
            with open(os.path.join(self.directory, "state")) as f:
                state = f.read().strip()
        except FileNotFoundError:
            state = ""
        return {"changed": (self.changed, 2),
                "grown": (self.image + bytes(65536), 3),
                "shrunk": (self.image[:len(self.image) // 2], 4),
                "vanished": (None, 5)}.get(state, (self.image, 1))

    def count(self, name):
        with self.lock:
            self.counters[name] += 1
            return self.counters[name]


class Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        try:
            while self.one():
                pass
        except (Close, OSError):
            pass

    def one(self):
        line = self.rfile.readline(HEAD_MAX).decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = {}
        while True:
            field = self.rfile.readline(HEAD_MAX).decode("latin-1").strip()
            if not field:
                break
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        server = self.server
        with server.lock:
            server.in_flight += 1
            server.log.write("[%d] %s %s%s\n" % (
                server.in_flight, line[0], line[1],
                "".join(" | %s: %s" % h for h in headers.items())))
        try:
            request = Request(self, line[0], line[1], headers)
            request.dispatch()
            return request.keep
        finally:
            with server.lock:
                server.in_flight -= 1


class Request:
    def __init__(self, connection, method, target, headers):
        self.connection, self.server = connection, connection.server
        self.method, self.target, self.headers = method, target, headers
        if target.startswith("http://"):        # as to a proxy
            target = "/" + target[7:].partition("/")[2]
        self.path = target.partition("?")[0]
        self.parts = self.path.strip("/").split("/")
        self.data, self.number = self.server.version()
        self.etag, self.clock, self.protocol = "strong", False, "HTTP/1.1"
        self.keep = True
        self.first = self.last = None
        wanted = headers.get("range", "")
        if self.data is not None and wanted.startswith("bytes="):
            a, _, b = wanted[6:].partition("-")
            self.first = int(a)
            self.last = min(int(b or len(self.data) - 1), len(self.data) - 1)
        self.probe = self.first == 0 and self.last == 0

    def arg(self):
        return self.parts.pop(0)

    def dispatch(self):
        """The prefixes, and then the behaviour."""
        while True:
            word = self.arg()
            if word == "etag":
                self.etag = self.arg()
            elif word == "clock":
                self.clock = True
            elif word in ("http10", "close"):
                self.keep = False
                if word == "http10":
                    self.protocol = "HTTP/1.0"
            elif word in ("later", "first", "every"):
                limit = 0 if word == "later" else int(self.arg())
                n = 0 if self.probe else self.server.count(self.path)
                if (self.probe or (word == "first" and n > limit)
                        or (word == "every" and n % limit != 0)):
                    return plain(self)
            else:
                return behaviours[word](self)

    # What replies are made of.

    def send(self, data):
        self.connection.request.sendall(data)

    def validators(self):
        day = 86400 * self.number
        epoch = 100 if self.clock else 1577836800
        kind = self.etag
        fields = {"Date": http_date(50 if self.clock else time.time())}
        if kind not in ("none", "bare"):
            fields["ETag"] = {"strong": '"v%d"', "weak": 'W/"v%d"',
                              "odd": "v%d", "empty": "",
                              "huge": '"%d' + "x" * 2000 + '"'}[kind]
            if "%d" in fields["ETag"]:
                fields["ETag"] %= self.number
        if kind != "bare":
            fields["Last-Modified"] = http_date(epoch + day)
        return fields

    def head(self, status, fields):
        head = "%s %d %s\r\n" % (self.protocol, status,
                                 REASONS.get(status, "Whatever"))
        for name, value in fields.items():
            if value is not None:
                head += "%s: %s\r\n" % (name, value)
        if not self.keep and self.protocol == "HTTP/1.1":
            head += "Connection: close\r\n"
        self.send(head.encode("latin-1") + b"\r\n")

    def body(self):
        return self.data[self.first:self.last + 1]

    def fields(self, **changes):
        """Those of a good reply; None takes one away (_ stands for -)."""
        fields = dict(self.validators())
        fields["Content-Range"] = "bytes %d-%d/%d" % (
            self.first, self.last, len(self.data))
        fields["Content-Length"] = len(self.body())
        fields.update((k.replace("_", "-"), v) for k, v in changes.items())
        return fields

    def status(self, code, **fields):
        text = b"status %d\n" % code
        self.head(code, {"Content-Length": len(text),
                         **{k.replace("_", "-"): v
                            for k, v in fields.items()}})
        if self.method != "HEAD":
            self.send(text)

    def reset(self):
        """Ends the connection so that the client sees a reset."""
        self.connection.request.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.request.close()
        raise Close

    def wait_for_client(self):
        """Says nothing until the client has gone."""
        while self.connection.request.recv(4096):
            pass
        raise Close

    def where(self, rest):
        return "http://%s/%s" % (self.headers.get("host", ""), rest)


def http_date(seconds):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))


def main():
    image, directory = sys.argv[1:]
    server = Server(image, directory)
    new = os.path.join(directory, "port.new")
    with open(new, "w") as f:
        f.write("%d\n" % server.server_address[1])
    os.rename(new, os.path.join(directory, "port"))
    server.serve_forever()


main()
