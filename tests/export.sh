# What the tests of many exports share; after functions.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # set there

# no_way_out NAME EXPORT: the server with this export has none that leads
# somewhere else: each is refused in the negotiation, whichever way a client
# asks; of names that libnbd would not send, too.
no_way_out ()
{
  python3 - "$tmp/$1.sock" "$2" "$tmp" <<'PYTHON'
import socket, struct, sys
path, good, tmp = sys.argv[1:]
good = good.encode()
names = [b"..", b".", b"../secret", b"sub/inside", b"sub", b"/etc/passwd",
         tmp.encode() + b"/secret", b"sub/../../secret", b"//", b"/",
         b"%2e%2e", b"%2E%2E%2Fsecret", b"..%2fsecret", b"..%5csecret",
         b"%252e%252e%252fsecret", b"..\\secret", b"%00", b"..%00",
         good + b"%00", good + b"/", good + b"/.", b"./" + good,
         good + b"\n", b"none", b"x" * 256, b"x" * 4096, b"x" * 4097,
         b"../" * 1365, b"\0", b"..\0", good + b"\0",
         good + b"\0/../../secret", b"\xff", b"..\xc0\xaf"]
EXPORT_NAME, INFO, GO = 1, 6, 7

def ask(option, name):
    """What the server says, or nothing if it hangs up."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(path)
    s.recv(18, socket.MSG_WAITALL)
    data = name if option == EXPORT_NAME else (
        struct.pack(">I", len(name)) + name + struct.pack(">H", 0))
    s.sendall(struct.pack(">I", 3) + b"IHAVEOPT"
              + struct.pack(">II", option, len(data)) + data)
    return s.recv(10 if option == EXPORT_NAME else 20, socket.MSG_WAITALL)

def is_let_in(option, name):
    reply = ask(option, name)
    if option == EXPORT_NAME or len(reply) < 20:
        return len(reply) > 0
    return not struct.unpack(">QIII", reply)[2] & 1 << 31

for option in EXPORT_NAME, INFO, GO:
    assert is_let_in(option, good), (option, good)
    for name in names:
        assert not is_let_in(option, name), (option, name[:60])
PYTHON
}
