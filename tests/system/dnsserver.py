#!/usr/bin/python3
"""A small authoritative DNS server for tests (UDP and TCP).

usage: dnsserver.py HOST PORT ZONE [--log FILE]

Prints "ready PORT" when it answers (PORT 0 chooses one).  SIGHUP reads the
zone again.  Lines of the zone:

    NAME TYPE [TTL] VALUE        A AAAA MX TXT PTR CNAME TLSA NS SRV
    NAME BEHAVIOUR [ARGUMENT]    instead of, or beside, its records

NAME may be "*.x": every name below x that has no line of its own.  TXT is
taken to the end of the line, or as "quoted" "strings".  Behaviours:

    SERVFAIL, REFUSED, NXDOMAIN  that answer to every question
    TIMEOUT [N]                  no answer at all, or to the first N questions
    FORMERR                      to questions with EDNS (RFC 6891 7)
    TRUNCATE                     over UDP only an empty answer with TC
    SLOW MS                      after that time
    SECURE                       with the AD bit
    GARBAGE                      bytes that are no answer
"""
import argparse
import asyncio
import ipaddress
import re
import shlex
import signal
import struct
import sys

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15,
         "TXT": 16, "AAAA": 28, "SRV": 33, "OPT": 41, "TLSA": 52}
TYPE_NAMES = {v: k for k, v in TYPES.items()}
FIELDS = {"A": 1, "AAAA": 1, "NS": 1, "CNAME": 1, "PTR": 1, "MX": 2,
          "SRV": 4, "TLSA": 4}
BEHAVIOURS = {"SERVFAIL", "REFUSED", "NXDOMAIN", "TIMEOUT", "FORMERR",
              "TRUNCATE", "SLOW", "SECURE", "GARBAGE"}
RCODES = {"FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}
DEFAULT_TTL = 300
NEGATIVE_TTL = 60
CACHED = 100000


def wire_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            raw = label.encode("utf-8")
            if len(raw) > 63:
                raise ValueError("label too long: " + label)
            out += bytes([len(raw)]) + raw
    return out + b"\0"


def txt_data(value):
    if value.startswith('"'):
        parts = shlex.split(value)
    else:
        parts = [value]
    out = b""
    for part in parts:
        raw = part.encode("utf-8")
        for i in range(0, max(len(raw), 1), 255):
            piece = raw[i:i + 255]
            out += bytes([len(piece)]) + piece
    return out


def rdata(rtype, value):
    if rtype == "TXT":
        return txt_data(value)
    f = value.split()
    if rtype in ("A", "AAAA"):
        return ipaddress.ip_address(f[0]).packed
    if rtype in ("NS", "CNAME", "PTR"):
        return wire_name(f[0])
    if rtype == "MX":
        return struct.pack(">H", int(f[0])) + wire_name(f[1])
    if rtype == "SRV":
        return struct.pack(">HHH", *map(int, f[:3])) + wire_name(f[3])
    return bytes(int(x) for x in f[:3]) + bytes.fromhex(f[3])  # TLSA


class Node:
    """What is known of one name."""

    def __init__(self):
        self.records = {}   # type -> [(ttl, rdata)]
        self.cname = None
        self.does = {}      # behaviour -> argument


class Zone:
    def __init__(self, path):
        self.nodes = {}
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                line = line.strip()
                if line and not line.startswith("#"):
                    try:
                        self.add(line)
                    except (ValueError, IndexError, struct.error) as e:
                        sys.exit("%s:%d: %s" % (path, number, e))
        # Names in between exist, too (RFC 4592 2.2.2).
        for name in list(self.nodes):
            while "." in name:
                name = name.split(".", 1)[1]
                self.nodes.setdefault(name, Node())

    def add(self, line):
        parts = line.split(None, 2)
        name = parts[0].lower().rstrip(".")
        kind = parts[1].upper()
        value = parts[2] if len(parts) > 2 else ""
        node = self.nodes.setdefault(name, Node())
        if kind in BEHAVIOURS:
            node.does[kind] = int(value) if value else 0
            return
        if kind not in TYPES or kind in ("SOA", "OPT"):
            raise ValueError("no such type or behaviour: " + parts[1])
        ttl = DEFAULT_TTL
        if kind == "TXT":
            m = re.match(r"(\d+)\s+(\S.*)$", value)
            if m:
                ttl, value = int(m[1]), m[2]
        elif len(value.split()) > FIELDS[kind]:
            first, value = value.split(None, 1)
            ttl = int(first)
        node.records.setdefault(TYPES[kind], []).append((ttl, rdata(kind, value)))
        if kind == "CNAME":
            node.cname = value.split()[0].lower().rstrip(".")

    def find(self, name):
        node = self.nodes.get(name)
        while node is None and "." in name:
            name = name.split(".", 1)[1]
            node = self.nodes.get("*." + name)
            if name in self.nodes:  # the closest encloser (RFC 4592 3.3.1)
                break
        return node


def record(owner, rtype, ttl, data):
    return owner + struct.pack(">HHIH", rtype, 1, ttl, len(data)) + data


class Server:
    def __init__(self, zone_path, log):
        self.path = zone_path
        self.log = log
        self.tcp_tasks = set()
        self.load()

    def load(self):
        self.zone = Zone(self.path)
        self.cache = {}

    def parse(self, q):
        """Name, type, end of the question, EDNS size or 0."""
        labels, at = [], 12
        while q[at]:
            labels.append(q[at + 1:at + 1 + q[at]])
            at += 1 + q[at]
        rtype, = struct.unpack_from(">H", q, at + 1)
        edns = 0
        if struct.unpack_from(">H", q, 10)[0] and len(q) >= at + 16 and \
                q[at + 5] == 0 and q[at + 6:at + 8] == b"\0\x29":
            edns = max(512, struct.unpack_from(">H", q, at + 8)[0])
        return b".".join(labels).decode("latin-1").lower(), rtype, at + 5, edns

    def answers(self, node, name, rtype):
        """Answer records, number of them, rcode: CNAMEs are followed."""
        out, n, owner = b"", 0, b"\xc0\x0c"
        for _ in range(9):
            if node is None:
                return out, n, 3
            found = node.records.get(rtype, ())
            for ttl, data in found:
                out += record(owner, rtype, ttl, data)
                n += 1
            if found or node.cname is None:
                return out, n, 0
            ttl, data = node.records[5][0]
            out += record(owner, 5, ttl, data)
            n += 1
            name, owner = node.cname, data
            node = self.zone.find(name)
        return out, n, 0

    def build(self, q, udp):
        """(answer without the id or None, ms to wait, may it be kept)."""
        name, rtype, end, edns = self.parse(q)
        node = self.zone.find(name)
        does = node.does if node else {}
        if "TIMEOUT" in does:
            left = does["TIMEOUT"]
            if left == 0:
                return None, 0, True
            does["TIMEOUT"] = left - 1
            if left == 1:
                del does["TIMEOUT"]
            return None, 0, False
        keep = True
        if "GARBAGE" in does:
            return bytes([0x81, 0x80]) + b"\xc0\x0c" * 20, 0, True
        body, count, rcode, authority = b"", 0, 0, b""
        for word in ("SERVFAIL", "REFUSED", "NXDOMAIN"):
            if word in does:
                rcode = RCODES[word]
        if edns and "FORMERR" in does:
            rcode, edns = RCODES["FORMERR"], 0
        if rcode == 0:
            body, count, rcode = self.answers(node, name, rtype)
        if rcode in (0, 3) and (count == 0 or rcode == 3):
            top = name.rsplit(".", 1)[-1]
            authority = record(wire_name(top), 6, NEGATIVE_TTL, b"\0\0" +
                               struct.pack(">IIIII", 1, 60, 60, 60, NEGATIVE_TTL))
        flags = 0x8480 | rcode | (q[2] & 1) << 8
        if "SECURE" in does:
            flags |= 0x20
        opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0" if edns else b""
        size = end + len(body) + len(authority) + len(opt)
        if udp and ("TRUNCATE" in does or size > (edns or 512)):
            flags, body, count, authority = flags | 0x200, b"", 0, b""
        head = struct.pack(">HHHHH", flags, 1, count, bool(authority), bool(opt))
        return head + q[12:end] + body + authority + opt, does.get("SLOW", 0), keep

    def answer(self, q, udp):
        """(whole answer or None, ms to wait)"""
        key = (q[2:], udp)
        hit = self.cache.get(key)
        if hit is None:
            try:
                built = self.build(q, udp)
            except (IndexError, struct.error):
                return None, 0
            hit = built[:2]
            if built[2]:
                if len(self.cache) >= CACHED:
                    self.cache.clear()
                self.cache[key] = hit
        if self.log:
            try:
                name, rtype, _, _ = self.parse(q)
                self.log.write("%s %s %s\n" % (
                    name, TYPE_NAMES.get(rtype, rtype), "udp" if udp else "tcp"))
                self.log.flush()
            except (IndexError, struct.error):
                pass
        if hit[0] is None:
            return None, 0
        return q[:2] + hit[0], hit[1]

    async def tcp(self, reader, writer):
        try:
            while True:
                n, = struct.unpack(">H", await reader.readexactly(2))
                a, wait_ms = self.answer(await reader.readexactly(n), False)
                if a is None:
                    continue
                if wait_ms:
                    await asyncio.sleep(wait_ms / 1000)
                writer.write(struct.pack(">H", len(a)) + a)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Udp(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, q, peer):
        a, wait_ms = self.server.answer(q, True)
        if a is None:
            return
        if wait_ms:
            asyncio.get_running_loop().call_later(
                wait_ms / 1000, self.transport.sendto, a, peer)
        else:
            self.transport.sendto(a, peer)


async def serve(args):
    server = Server(args.zone, open(args.log, "a") if args.log else None)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, server.load)
    for attempt in range(20):
        udp, _ = await loop.create_datagram_endpoint(
            lambda: Udp(server), local_addr=(args.host, args.port))
        port = udp.get_extra_info("sockname")[1]
        try:
            tcp = await asyncio.start_server(server.tcp, args.host, port)
            break
        except OSError:
            udp.close()  # a chosen port can be free for one of them only
            if args.port or attempt == 19:
                raise
    print("ready %d" % port, flush=True)
    await stop.wait()
    tcp.close()
    udp.close()


def main():
    p = argparse.ArgumentParser(description="DNS server for tests")
    p.add_argument("host")
    p.add_argument("port", type=int)
    p.add_argument("zone")
    p.add_argument("--log")
    asyncio.run(serve(p.parse_args()))


if __name__ == "__main__":
    main()
