"""A guest that takes the talking stick once, and says when. `python guest.py SERVER [PORT]`"""

from __future__ import annotations

import asyncio
import sys
import time

from talking_stick import stick


async def main() -> None:
    """Speak for eight seconds."""
    server, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    async with stick(server, port):
        began = time.monotonic()
        await asyncio.sleep(8)
        print(f"spoke from {began:.2f} to {time.monotonic():.2f} s")


if __name__ == "__main__":
    asyncio.run(main())
