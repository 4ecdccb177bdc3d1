"""A receiver of HL7 messages on python3-hl7: prints its port, then each message as JSON."""
import asyncio
import json
import sys

import hl7
import hl7.mllp


def field(segment, n):
    return str(segment[n]) if n < len(segment) else ""


async def main():
    async def handle(reader, writer):
        try:
            while not writer.is_closing():
                m = await reader.readmessage()
                out = [{"name": str(s[0]), "fields": [field(s, i) for i in range(1, len(s))]} for s in m]
                print(json.dumps({"control": str(m["MSH.F10"]), "segments": out}), flush=True)
                writer.writemessage(m.create_ack(sys.argv[1]))
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await hl7.mllp.start_hl7_server(handle, host="127.0.0.1", port=0, encoding="utf-8")
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
