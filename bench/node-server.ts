import { createServer } from "node:http";
import { HELLO } from "./hello-function.ts";

/** A plain Node HTTP server that answers the same bytes, as a process: says its port on the first line. */
const server = createServer((_req, res) => {
  res.writeHead(200, { "content-type": "text/plain;charset=UTF-8", "content-length": Buffer.byteLength(HELLO) });
  res.end(HELLO);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  console.log(String(address.port));
});
process.stdin.resume().on("end", () => process.exit(0)); // the bench is gone
