"""What misbehave.py can do wrong: one function for each reply, by name."""

import os
import time

behaviours = {}


def behaviour(name):
    def register(function):
        behaviours[name] = function
        return function
    return register


class Close(Exception):
    """This connection is at its end."""


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


@behaviour("refused")
def refused(r):
    """/refused/CODE/HOW: a body that stalls or drips, and never ends."""
    code, how = int(r.arg()), r.arg()
    r.head(code, {"Content-Length": 1 << 40})
    r.send(b"no")
    while how == "drip":
        r.send(b"!")
        time.sleep(0.05)
    r.wait_for_client()


@behaviour("unsatisfied")
def unsatisfied(r):
    """416 for a range there is: with the right size, another or none."""
    size = {"right": len(r.data), "other": 5, "none": "*"}[r.arg()]
    r.status(416, Content_Range="bytes */%s" % size)


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
    """/presigned/HOW: to a URL that is good for three requests; then it is
    a status, or a behaviour.
    """
    token = r.server.count("tokens")
    r.status(302, Location=r.where("signed/%s/%d/image?X-Amz-Signature=t%d"
                                   % (r.arg(), token, token)))


@behaviour("signed")
def signed(r):
    how = r.arg()
    if r.server.count("token %s" % r.arg()) <= 3:
        plain(r)
    elif how.isdigit():
        r.status(int(how))
    else:
        behaviours[how](r)


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
    """/change-in-body/STATE: half of the old version; when that is out, this
    has become of the object.
    """
    r.head(206, r.fields())
    r.send(r.body()[:len(r.body()) // 2])
    with open(os.path.join(r.server.directory, "state"), "w") as f:
        f.write(r.arg())
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


@behaviour("doubled-length-same")
def doubled_length_same(r):
    r.head(206, r.fields(Content_Length="%d\r\nContent-Length: %d" % (
        len(r.body()), len(r.body()))))
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
