"""Two clients in the room at the URL: prints what each of them hears, in order."""

import asyncio
import sys

import websockets


async def hear(name, socket):
    print(f"{name} hears: {await asyncio.wait_for(socket.recv(), 10)}")


async def main(room):
    async with websockets.connect(f"{room}7", open_timeout=10, close_timeout=10) as seven:
        await seven.send("anyone?")
        await hear("7", seven)
        await hear("7", seven)

        async with websockets.connect(f"{room}ada", open_timeout=10, close_timeout=10) as ada:
            await ada.send("me")
            await hear("ada", ada)
            await hear("ada", ada)
            await hear("7", seven)

            await seven.send("hello ada")
            await hear("7", seven)
            await hear("7", seven)
            await hear("ada", ada)

        await hear("7", seven)


asyncio.run(main(sys.argv[1]))
