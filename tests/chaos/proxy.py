"""A proxy between two processes that a seed makes bad: it delays, cuts, goes deaf (half-open), drops pieces, swaps them and flips bits.

For ipc (unix sockets) and TCP, at the level of bytes: what ZeroMQ, CURVE and the frames make of it is what is tested. Which faults
strike, and when, follows from the seed alone. Dropped, swapped and flipped bytes need a transport that notices (TCP with CURVE): on a
unix socket the kernel does not do that.

usage: proxy.py --listen ipc:///run/a.sock --forward ipc:///run/b.sock [--seed N] [--faults delay,cut,deaf,drop,swap,flip] [--rate 0.02]
"""
import argparse
import asyncio
import contextlib
import random
import threading

FAULTS = ("delay", "cut", "deaf", "drop", "swap", "flip")


class Chaos:
    """One proxy. `rate` is the chance of a fault for each piece that passes; `struck` counts them."""

    def __init__(self, listen, forward, seed=1, faults=("delay", "cut", "deaf"), rate=0.02):
        self.listen, self.forward, self.faults, self.rate = listen, forward, tuple(faults), rate
        self.chance, self.struck, self.calm = random.Random(seed), dict.fromkeys(FAULTS, 0), True
        self.split, self.held_back = False, 0   # while split, nothing passes and nothing is lost

    async def open(self, endpoint):
        scheme, _, place = endpoint.partition("://")
        if scheme == "ipc":
            return await asyncio.open_unix_connection(place)
        host, _, port = place.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def serve(self):
        scheme, _, place = self.listen.partition("://")
        if scheme == "ipc":
            return await asyncio.start_unix_server(self.connected, place)
        host, _, port = place.rpartition(":")
        return await asyncio.start_server(self.connected, host, int(port))

    async def connected(self, reader, writer):
        try:
            far_reader, far_writer = await self.open(self.forward)
        except OSError:
            writer.close()
            return
        ends = [writer, far_writer]
        tasks = [asyncio.ensure_future(self.carry(a, b)) for a, b in ((reader, far_writer), (far_reader, writer))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for end in ends:
            with contextlib.suppress(OSError):
                end.close()

    async def carry(self, reader, writer):
        held = b""
        while piece := await reader.read(65536):
            self.held_back += self.split
            while self.split:
                await asyncio.sleep(0.01)
            fault = None
            if not self.calm and self.chance.random() < self.rate:
                fault = self.chance.choice(self.faults)
                self.struck[fault] += 1
            if fault == "cut":
                return
            if fault == "deaf":  # half open: nothing ends, nothing passes
                await asyncio.sleep(self.chance.uniform(0.3, 3))
                return
            if fault == "drop":
                continue
            if fault == "swap" and not held:
                held = piece
                continue
            if fault == "delay":
                await asyncio.sleep(self.chance.uniform(0.001, 0.1))
            if fault == "flip":
                at = self.chance.randrange(len(piece))
                piece = piece[:at] + bytes([piece[at] ^ (1 << self.chance.randrange(8))]) + piece[at + 1:]
            try:
                writer.write(piece + held)
                await writer.drain()
            except OSError:
                return
            held = b""


class Thread:
    """Proxies on a loop of their own; use as a context."""

    def __init__(self, *proxies):
        self.proxies, self.loop = proxies, asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        for proxy in self.proxies:
            asyncio.run_coroutine_threadsafe(proxy.serve(), self.loop).result(10)
        return self

    def __exit__(self, *_):
        async def end():
            rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(end(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


async def run(proxy):
    proxy.calm = False
    server = await proxy.serve()
    async with server:
        await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--forward", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="delay,cut,deaf")
    parser.add_argument("--rate", type=float, default=0.02)
    options = parser.parse_args()
    asyncio.run(run(Chaos(options.listen, options.forward, options.seed, options.faults.split(","), options.rate)))


if __name__ == "__main__":
    main()
