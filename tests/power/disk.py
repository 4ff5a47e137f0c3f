"""A disk with a volatile cache, as QEMU sees it over NBD: what was written and not flushed
may be lost, in part and in any order, when the power goes. All requests are kept, so that
the power can be cut at any of them, and more than once."""

import os
import socket
import struct
import subprocess
import threading

SECTOR = 512
OPTION_MAGIC, REPLY_MAGIC = b"IHAVEOPT", 0x3E889045565A9
REQUEST_MAGIC, ANSWER_MAGIC = 0x25609513, 0x67446698
OPT_ABORT, OPT_GO, REP_ACK, REP_INFO, REP_UNSUPPORTED = 2, 7, 1, 3, 0x80000001
HAS_FLAGS, CAN_FLUSH, CAN_FUA = 1, 4, 8
READ, WRITE, DISCONNECT, FLUSH = range(4)
FLAG_FUA = 1


def receive(conn, count):
    data = b""
    while len(data) < count:
        part = conn.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


class Disk:
    """Serves the file BASE, which stays as it is, at the socket PATH."""

    def __init__(self, base, path):
        self.base, self.path = base, path
        self.requests = []  # (offset, bytes, whether it went past the cache), None: a flush
        with open(base, "rb") as f:
            self.now = bytearray(f.read())
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        conn, _ = self.socket.accept()
        try:
            self._negotiate(conn)
            while self._answer(conn):
                pass
        except (EOFError, ConnectionError):
            pass
        finally:
            conn.close()

    def _negotiate(self, conn):
        conn.sendall(b"NBDMAGIC" + OPTION_MAGIC + struct.pack(">H", 3))
        receive(conn, 4)
        while True:
            option, length = struct.unpack(">8xII", receive(conn, 16))
            receive(conn, length)
            if option == OPT_GO:
                break
            conn.sendall(struct.pack(">QIII", REPLY_MAGIC, option, REP_UNSUPPORTED, 0))
            if option == OPT_ABORT:
                raise EOFError
        info = struct.pack(">HQH", 0, len(self.now), HAS_FLAGS | CAN_FLUSH | CAN_FUA)
        conn.sendall(struct.pack(">QIII", REPLY_MAGIC, OPT_GO, REP_INFO, len(info)) + info +
                     struct.pack(">QIII", REPLY_MAGIC, OPT_GO, REP_ACK, 0))

    def _answer(self, conn):
        magic, flags, kind, cookie, offset, length = struct.unpack(">IHHQQI", receive(conn, 28))
        assert magic == REQUEST_MAGIC
        data = b""
        if kind == READ:
            data = bytes(self.now[offset:offset + length])
        elif kind == WRITE:
            written = receive(conn, length)
            self.now[offset:offset + length] = written
            self.requests.append((offset, written, bool(flags & FLAG_FUA)))
        elif kind == FLUSH:
            self.requests.append(None)
        elif kind == DISCONNECT:
            return False
        conn.sendall(struct.pack(">IIQ", ANSWER_MAGIC, 0, cookie) + data)
        return True

    def close(self):
        self.socket.close()
        os.unlink(self.path)


def cut(base, requests, image, chance):
    """IMAGE becomes what is on the disk if the power goes after these requests: BASE, all that
    was flushed, and what CHANCE leaves of the rest."""
    flushed = max((i for i, r in enumerate(requests) if r is None), default=-1)
    keep = chance.choice((0, 0.2, 0.5, 0.8, 1))
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", base, image], check=True)
    with open(image, "r+b") as f:
        for i, request in enumerate(requests):
            if request is None:
                continue
            offset, data, is_durable = request
            if i > flushed and not is_durable:
                if chance.random() >= keep:
                    continue
                if chance.random() < 0.1:  # torn
                    data = data[:chance.randrange(0, len(data) + 1, SECTOR)]
            f.seek(offset)
            f.write(data)
