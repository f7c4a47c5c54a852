#!/usr/bin/python3
"""sink.py --listen HOST:PORT|unix:PATH --log FILE [options]: a receiver that
keeps everything.

One JSON line an event is appended to the log: "open", "close", "tls",
"refused", and "mail" with envelope, parameters and the content (base64) as it
came off the wire, dots undone.  The local part of a recipient may choose what
happens to it:

    bad...        550 5.1.1 at RCPT             eodbad...    550 after the content
    later.N...    451 4.2.1, the first N times  eodlater.N.. after the content

--no EXT,EXT     extensions not offered (CHUNKING 8BITMIME SMTPUTF8 DSN SIZE
                 PIPELINING ENHANCEDSTATUSCODES)
--lmtp           LHLO, and one reply per recipient after the content
--cert --key     offer STARTTLS
--delay MS       before each reply to content
--max-rcpt N     452 for further recipients
--reply STAGE=TEXT   this reply at every mail, rcpt, data or eod
"""
import argparse
import asyncio
import base64
import json
import re
import ssl
import time

EXTENSIONS = ["PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "DSN",
              "ENHANCEDSTATUSCODES", "CHUNKING"]


class Session:
    count = 0
    later = {}

    def __init__(self, opt, r, w):
        self.opt, self.r, self.w = opt, r, w
        Session.count += 1
        self.id = Session.count
        self.tls = False
        self.helo = None
        self.n = 0
        self.reset()

    def reset(self):
        self.mail, self.rcpt, self.chunks, self.bdat = None, [], b"", False

    def log(self, ev, **kw):
        kw.update(ev=ev, t=time.time(), conn=self.id)
        self.opt.out.write(json.dumps(kw) + "\n")

    async def say(self, text):
        self.w.write(text.encode("utf-8", "surrogateescape") + b"\r\n")
        await self.w.drain()

    def verdict(self, addr, stage):
        """A reply that this recipient chose, or None."""
        local = addr.rsplit("@", 1)[0]
        if self.opt.reply.get(stage):
            return self.opt.reply[stage]
        pre = "eod" if stage == "eod" else ""
        if local.startswith(pre + "bad"):
            return "550 5.1.1 no such user"
        m = re.match(pre + r"later\.(\d+)", local)
        if m:
            n = Session.later.get(addr, 0)
            Session.later[addr] = n + 1
            if n < int(m.group(1)):
                return "451 4.2.1 not now"
        return None

    async def run(self):
        peer = self.w.get_extra_info("peername")
        self.log("open", peer=peer[0] if isinstance(peer, tuple) else "unix")
        try:
            await self.say("220 sink.test ESMTP")
            while True:
                line = await self.r.readline()
                if not line:
                    break
                if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                    self.log("wire", what="bare newline", line=repr(line))
                word, _, arg = line.rstrip(b"\r\n").partition(b" ")
                f = getattr(self, "on_" + word.decode("latin-1").lower(), None)
                if f is None:
                    await self.say("502 5.5.1 what?")
                elif await f(arg.decode("utf-8", "surrogateescape")) is False:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError,
                OSError) as e:
            self.log("error", what=repr(e))
        finally:
            self.log("close", n=self.n)
            self.w.close()

    async def hello(self, arg, extended):
        self.reset()
        self.helo = arg
        if not extended:
            return await self.say("250 sink.test")
        ext = [e for e in EXTENSIONS if e.split()[0] not in self.opt.no]
        if self.opt.tls and not self.tls:
            ext.append("STARTTLS")
        lines = ["sink.test"] + ext
        await self.say("\r\n".join(
            "250" + (" " if i == len(lines) - 1 else "-") + x
            for i, x in enumerate(lines)))

    async def on_ehlo(self, arg):
        if self.opt.lmtp:
            return await self.say("500 5.5.1 LHLO")
        await self.hello(arg, True)

    async def on_lhlo(self, arg):
        if not self.opt.lmtp:
            return await self.say("500 5.5.1 EHLO")
        await self.hello(arg, True)

    async def on_helo(self, arg):
        await self.hello(arg, False)

    async def on_starttls(self, arg):
        if not self.opt.tls or self.tls:
            return await self.say("502 5.5.1 no")
        await self.say("220 2.0.0 go")
        await self.w.start_tls(self.opt.tls)
        self.tls = True
        self.reset()
        self.log("tls")

    async def on_mail(self, arg):
        m = re.match(r"FROM:<([^>]*)>(.*)$", arg, re.I)
        if not m or self.mail is not None:
            return await self.say("503 5.5.1 no" if m else "501 5.5.4 syntax")
        v = self.opt.reply.get("mail")
        if v:
            self.log("refused", stage="mail", reply=v)
            return await self.say(v)
        self.mail, self.mail_params = m.group(1), m.group(2).split()
        await self.say("250 2.1.0 ok")

    async def on_rcpt(self, arg):
        m = re.match(r'TO:<((?:"(?:\\.|[^"])*"|[^>"])*)>(.*)$', arg, re.I)
        if self.mail is None or not m:
            return await self.say("503 5.5.1 no" if m else "501 5.5.4 syntax")
        v = self.verdict(m.group(1), "rcpt")
        if not v and self.opt.max_rcpt and len(self.rcpt) >= self.opt.max_rcpt:
            v = "452 4.5.3 too many"
        if v:
            self.log("refused", stage="rcpt", rcpt=m.group(1), reply=v)
            return await self.say(v)
        self.rcpt.append((m.group(1), m.group(2).split()))
        await self.say("250 2.1.5 ok")

    async def finish(self, content, bdat):
        if self.opt.delay:
            await asyncio.sleep(self.opt.delay / 1000)
        took, replies = [], []
        for addr, params in self.rcpt:
            v = self.verdict(addr, "eod")
            replies.append(v or "250 2.0.0 <%s> kept" % addr)
            if not v:
                took.append((addr, params))
            else:
                self.log("refused", stage="eod", rcpt=addr, reply=v)
        if not self.opt.lmtp:
            no = [r for r in replies if r[0] != "2"]
            if no:
                took = []
            replies = no[:1] or ["250 2.0.0 kept"]
        if took:
            self.n += 1
            self.log("mail", helo=self.helo, tls=self.tls, sender=self.mail,
                     mail_params=self.mail_params, bdat=bdat, n=self.n,
                     rcpt=[a for a, _ in took],
                     rcpt_params=[p for _, p in took],
                     content=base64.b64encode(content).decode())
        self.opt.out.flush()
        self.reset()
        await self.say("\r\n".join(replies))

    async def on_data(self, arg):
        if not self.rcpt:
            return await self.say("554 5.5.1 no recipients")
        if self.opt.reply.get("data"):
            self.log("refused", stage="data", reply=self.opt.reply["data"])
            self.reset()
            return await self.say(self.opt.reply["data"])
        await self.say("354 go")
        lines = []
        while True:
            line = await self.r.readline()
            if not line:
                return False
            if line == b".\r\n":
                break
            if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                self.log("wire", what="bare newline", line=repr(line[-80:]))
            if line.startswith(b"."):
                if not line.startswith(b".."):
                    self.log("wire", what="dot", line=repr(line[-80:]))
                line = line[1:]
            lines.append(line)
        await self.finish(b"".join(lines), False)

    async def on_bdat(self, arg):
        size, _, last = arg.partition(" ")
        chunk = await self.r.readexactly(int(size))
        if "CHUNKING" in self.opt.no:
            return await self.say("502 5.5.1 no")
        if not self.rcpt:
            self.reset()
            return await self.say("503 5.5.1 no recipients")
        self.chunks += chunk
        if last.upper() != "LAST":
            return await self.say("250 2.0.0 more")
        await self.finish(self.chunks, True)

    async def on_rset(self, arg):
        self.reset()
        await self.say("250 2.0.0 ok")

    async def on_noop(self, arg):
        await self.say("250 2.0.0 ok")

    async def on_quit(self, arg):
        await self.say("221 2.0.0 bye")
        return False


def options():
    p = argparse.ArgumentParser()
    p.add_argument("--listen", required=True)
    p.add_argument("--log", required=True)
    p.add_argument("--no", default="")
    p.add_argument("--lmtp", action="store_true")
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--delay", type=int, default=0)
    p.add_argument("--max-rcpt", type=int, default=0)
    p.add_argument("--reply", action="append", default=[])
    opt = p.parse_args()
    opt.no = set(opt.no.upper().split(",")) - {""}
    opt.reply = dict(r.split("=", 1) for r in opt.reply)
    opt.out = open(opt.log, "a", buffering=1)
    opt.tls = None
    if opt.cert:
        opt.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        opt.tls.load_cert_chain(opt.cert, opt.key)
    return opt


async def main():
    opt = options()

    async def accept(r, w):
        await Session(opt, r, w).run()
    if opt.listen.startswith("unix:"):
        server = await asyncio.start_unix_server(
            accept, opt.listen[5:], limit=1 << 26)
    else:
        host, port = opt.listen.rsplit(":", 1)
        server = await asyncio.start_server(
            accept, host, int(port), limit=1 << 26, backlog=1000)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
