"""Sends each argument but the first, the URL, and prints each answer as a line of JSON."""

import asyncio
import json
import sys

import websockets


async def main(url, *texts):
    async with websockets.connect(url, open_timeout=10, close_timeout=10) as socket:
        for text in texts:
            await socket.send(text)
            print(json.dumps(await asyncio.wait_for(socket.recv(), 10)))
    print(socket.close_code)


asyncio.run(main(*sys.argv[1:]))
