"""pycrdt-websocket on uvicorn with its defaults; PORT, and DOCUMENTS: a directory of NAME.yjs that rooms open with."""

import os
from pathlib import Path

import uvicorn
from pycrdt import Doc, Text
from pycrdt.websocket import ASGIServer, WebsocketServer, YRoom


class FileServer(WebsocketServer):
    """Opens a room with the document of its file, when there is one."""

    async def get_room(self, name: str) -> YRoom:
        file = Path(os.environ["DOCUMENTS"]) / f"{name.lstrip('/')}.yjs"
        if name not in self.rooms and file.exists():
            doc: Doc[Text] = Doc()
            doc.apply_update(file.read_bytes())
            self.rooms[name] = YRoom(ydoc=doc)
        return await super().get_room(name)


async def main() -> None:
    async with FileServer() as rooms:
        config = uvicorn.Config(
            ASGIServer(rooms),
            port=int(os.environ["PORT"]),
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=1 << 30,
        )
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
