"""Prints the HTTP status that refuses a handshake at each of the URLs."""

import asyncio
import sys

import websockets


async def main(*urls):
    for url in urls:
        try:
            async with websockets.connect(url, open_timeout=10, close_timeout=10):
                print("accepted")
        except websockets.exceptions.InvalidHandshake as refusal:
            # websockets 14 and later keep the whole response
            response = getattr(refusal, "response", None)
            print(response.status_code if response else refusal.status_code)


asyncio.run(main(*sys.argv[1:]))
