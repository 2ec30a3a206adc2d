#!/usr/bin/env python3
"""An HTTP server that misbehaves on purpose, for tests.

misbehave.py IMAGE DIR serves the bytes of IMAGE on a free loopback port,
which it writes to DIR/port.  What it does is said by the path of the URL,
read from left to right: first how and when, then what, then any name.

  /etag/KIND/...    weak, none, empty, odd (no quotes), huge; with all but
                    none there is a Last-Modified; bare: no validator at all
  /clock/...        the server's clock, and the object's time, are in 1970
  /http10/...       HTTP/1.0, closing after each reply
  /close/...        HTTP/1.1, the same
  /later/...        the request for the first byte is answered well
  /first/N/...      only the first N requests for more than that go wrong
  /every/N/...      only each N'th of them
  /plain            nothing wrong; and all the others below

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

HEAD_MAX = 65536
REASONS = {200: "OK", 206: "Partial Content", 302: "Found",
           404: "Not Found", 416: "Range Not Satisfiable"}
behaviours = {}


def behaviour(name):
    def register(function):
        behaviours[name] = function
        return function
    return register


class Close(Exception):
    """This connection is at its end."""


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


@behaviour("plain")
def plain(r):
    if r.data is None:
        r.status(404)
    elif r.method not in ("GET", "HEAD"):
        r.status(405)
    elif r.first is None:
        r.head(200, r.fields(Content_Range=None,
                             Content_Length=len(r.data)))
        if r.method == "GET":
            r.send(r.data)
    elif r.first > r.last:
        r.status(416, Content_Range="bytes */%d" % len(r.data))
    else:
        r.head(206, r.fields())
        if r.method == "GET":
            r.send(r.body())


# Statuses.

@behaviour("status")
def status(r):
    r.status(int(r.arg()))


@behaviour("busy")
def busy(r):
    """/busy/CODE/SECONDS: with Retry-After."""
    r.status(int(r.arg()), Retry_After=r.arg())


@behaviour("head-refused")
def head_refused(r):
    if r.method == "HEAD":
        r.status(405, Allow="GET")
    else:
        plain(r)


@behaviour("no-ranges")
def no_ranges(r):
    r.head(200, r.fields(Content_Range=None, Content_Length=len(r.data),
                         Accept_Ranges="none"))
    r.send(r.data)


@behaviour("range-as-200")
def range_as_200(r):
    """The right bytes, but nothing that says so."""
    r.head(200, r.fields(Content_Range=None))
    r.send(r.body())


@behaviour("early-hints")
def early_hints(r):
    r.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    plain(r)


# Redirects.

@behaviour("redirect")
def redirect(r):
    """/redirect/CODE/REST: to /REST on this server."""
    code, rest = int(r.arg()), "/".join(r.parts)
    r.status(code, Location=r.where(rest))


@behaviour("redirect-relative")
def redirect_relative(r):
    r.status(302, Location="/" + "/".join(r.parts))


@behaviour("redirect-to-port")
def redirect_to_port(r):
    """/redirect-to-port/PORT/REST: to another server on this host."""
    port, rest = int(r.arg()), "/".join(r.parts)
    r.status(302, Location="http://127.0.0.1:%d/%s" % (port, rest))


@behaviour("redirect-loop")
def redirect_loop(r):
    r.status(302, Location=r.where("redirect-loop/x"))


@behaviour("redirect-ever-on")
def redirect_ever_on(r):
    r.status(302, Location=r.where("redirect-ever-on/%d"
                                   % r.server.count("ever-on")))


@behaviour("redirect-nowhere")
def redirect_nowhere(r):
    r.status(302)


@behaviour("redirect-file")
def redirect_file(r):
    r.status(302, Location="file:///etc/passwd")


@behaviour("redirect-garbage")
def redirect_garbage(r):
    r.status(302, Location="http://[::bad/" + "%" * 50)


@behaviour("presigned")
def presigned(r):
    """To a URL that is good for three requests."""
    token = r.server.count("tokens")
    r.status(302, Location=r.where("signed/%d/image?X-Amz-Signature=t%d"
                                   % (token, token)))


@behaviour("signed")
def signed(r):
    if r.server.count("token %s" % r.arg()) > 3:
        r.status(403)
    else:
        plain(r)


# Bodies.

@behaviour("chunked")
def chunked(r):
    r.head(206, r.fields(Content_Length=None, Transfer_Encoding="chunked"))
    data = r.body()
    for at in range(0, len(data), 5000):
        piece = data[at:at + 5000]
        r.send(b"%x;x=y\r\n%s\r\n" % (len(piece), piece))
    r.send(b"0\r\nTrailer: x\r\n\r\n")


@behaviour("chunked-broken")
def chunked_broken(r):
    r.head(206, r.fields(Content_Length=None, Transfer_Encoding="chunked"))
    r.send(b"10\r\n" + r.body()[:16] + b"\r\nzzzz\r\n")
    raise Close


@behaviour("chunked-long")
def chunked_long(r):
    r.head(206, r.fields(Content_Length=None, Transfer_Encoding="chunked"))
    data = r.body() + b"more" * 1000
    r.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))


@behaviour("until-close")
def until_close(r):
    """No length at all: the end of the connection is the end."""
    r.keep = False
    r.head(206, r.fields(Content_Length=None))
    r.send(r.body())


@behaviour("cut")
def cut(r):
    """Closes in the middle of the body."""
    r.head(206, r.fields())
    r.send(r.body()[:len(r.body()) // 2])
    raise Close


@behaviour("reset")
def reset(r):
    """Half of the body, and time for the client to take it."""
    r.head(206, r.fields())
    r.send(r.body()[:len(r.body()) // 2])
    time.sleep(0.05)
    r.reset()


@behaviour("reset-at-once")
def reset_at_once(r):
    r.reset()


@behaviour("no-body")
def no_body(r):
    r.head(206, r.fields())
    raise Close


@behaviour("until-close-cut")
def until_close_cut(r):
    r.head(206, r.fields(Content_Length=None))
    r.send(r.body()[:len(r.body()) // 2])
    raise Close


@behaviour("long")
def too_long(r):
    """More than was announced, which spoils the connection."""
    r.head(206, r.fields())
    r.send(r.body() + b"HTTP/1.1 206 Partial Content\r\n\r\nwrong" * 100)


@behaviour("longer")
def longer(r):
    """More than was asked for, and announced."""
    data = r.body() + b"more" * 1000
    r.head(206, r.fields(Content_Length=len(data)))
    r.send(data)


@behaviour("stall")
def stall(r):
    """Half of the body, and then silence."""
    r.head(206, r.fields())
    r.send(r.body()[:len(r.body()) // 2])
    r.wait_for_client()


@behaviour("stall-head")
def stall_head(r):
    r.send(b"HTTP/1.1 206 Partial Content\r\nDate")
    r.wait_for_client()


@behaviour("silent")
def silent(r):
    r.wait_for_client()


@behaviour("drip")
def drip(r):
    """A byte at a time."""
    r.head(206, r.fields())
    for byte in r.body():
        r.send(bytes((byte,)))
        time.sleep(0.05)


@behaviour("drip-head")
def drip_head(r):
    r.send(b"HTTP/1.1 206 Partial Content\r\n")
    while True:
        r.send(b"X")
        time.sleep(0.05)


@behaviour("slow")
def slow(r):
    """/slow/MS: that long before the reply."""
    time.sleep(int(r.arg()) / 1000)
    plain(r)


@behaviour("change-in-body")
def change_in_body(r):
    """Half of the old version; when that is out, the new one is there."""
    r.head(206, r.fields())
    r.send(r.body()[:len(r.body()) // 2])
    with open(os.path.join(r.server.directory, "state"), "w") as f:
        f.write("changed")
    raise Close


# Headers.

@behaviour("field")
def field(r):
    """/field/NAME/VALUE: that field is different; VALUE - is without it.
    In VALUE, ~ is a blank and ! a slash.
    """
    name, value = r.arg(), r.arg().replace("~", " ").replace("!", "/")
    r.head(206, r.fields(**{name: None if value == "-" else value}))
    r.send(r.body())


@behaviour("shifted")
def shifted(r):
    """The range after the one asked for, as Content-Range says."""
    n = len(r.body())
    at = (r.first + n) % max(len(r.data) - n, 1)
    r.head(206, r.fields(Content_Range="bytes %d-%d/%d" % (
        at, at + n - 1, len(r.data))))
    r.send(r.data[at:at + n])


@behaviour("multipart")
def multipart(r):
    data = (b"--x\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%s\r\n--x--\r\n"
            % (r.first, r.last, len(r.data), r.body()))
    r.head(206, r.fields(Content_Range=None, Content_Length=len(data),
                         Content_Type="multipart/byteranges; boundary=x"))
    r.send(data)


@behaviour("gzip")
def gzip(r):
    """Says so, whatever was asked for; the bytes are not changed."""
    r.head(206, r.fields(Content_Encoding="gzip"))
    r.send(r.body())


@behaviour("doubled-length")
def doubled_length(r):
    r.head(206, r.fields(Content_Length="%d\r\nContent-Length: %d" % (
        len(r.body()), len(r.body()) - 1)))
    r.send(r.body())


@behaviour("doubled-range")
def doubled_range(r):
    good = "bytes %d-%d/%d" % (r.first, r.last, len(r.data))
    r.head(206, r.fields(Content_Range="%s\r\nContent-Range: bytes 9-%d/%d" % (
        good, 9 + r.last - r.first, len(r.data))))
    r.send(r.body())


@behaviour("large-header")
def large_header(r):
    """/large-header/KB: so many fields of a kilobyte."""
    r.head(206, {**r.fields(), **{"X-%d" % i: "x" * 1000
                                  for i in range(int(r.arg()))}})
    r.send(r.body())


@behaviour("large-field")
def large_field(r):
    r.head(206, r.fields(X_Large="x" * 1000 * int(r.arg())))
    r.send(r.body())


@behaviour("endless-header")
def endless_header(r):
    r.send(b"HTTP/1.1 206 Partial Content\r\n")
    while True:
        r.send(b"X-More: " + b"x" * 1000 + b"\r\n")


@behaviour("garbage")
def garbage(r):
    """/garbage/KIND instead of a status line."""
    r.send({"binary": bytes(range(256)) * 4,
            "status": b"HTTP/1.1 2O6 Partial\r\n\r\n",
            "number": b"HTTP/1.1 99999999999 Many\r\n\r\n",
            "negative": b"HTTP/1.1 -206 Less\r\n\r\n",
            "version": b"HTTP/9.9 206 Later\r\nContent-Length: 1\r\n\r\nx",
            "other": b"220 smtp.example.com ESMTP\r\n\r\n",
            "nothing": b"\r\n\r\n\r\n\r\n",
            "old": r.body()}[r.arg()])
    raise Close


def main():
    image, directory = sys.argv[1:]
    server = Server(image, directory)
    new = os.path.join(directory, "port.new")
    with open(new, "w") as f:
        f.write("%d\n" % server.server_address[1])
    os.rename(new, os.path.join(directory, "port"))
    server.serve_forever()


main()
