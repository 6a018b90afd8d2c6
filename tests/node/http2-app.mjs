// An app that speaks HTTP/2 over TLS (Node's own, over nghttp2), or HTTP/1.1 with whoever does not. Arguments: its certificate and key.
// Prints its port, and ends with its standard input. `/v1/candidates/ID` is a record, whose salary is what it was asked over; some ids
// are answered otherwise.
import fs from "node:fs";
import http2 from "node:http2";

const [cert, key] = process.argv.slice(2).map((path) => fs.readFileSync(path));
const server = http2.createSecureServer({ cert, key, allowHTTP1: true });
let sessions = 0;
const flaky = new Set();
server.on("session", () => sessions++);
server.on("request", (request, response) => {
  const { pathname } = new URL(request.url, "https://app.test");
  const id = decodeURIComponent(pathname.split("/").pop());
  const record = {
    id,
    client_id: "northwind",
    status: "active",
    name: `Candidate ${id}`,
    salary: 9,
    seen: { version: request.httpVersion, sessions, authority: request.authority ?? request.headers.host },
    headers: Object.keys(request.headers).filter((name) => !name.startsWith(":")).sort(),
  };
  const head = { "content-type": "application/json", etag: '"v7"' };
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const sent = Buffer.concat(chunks);
    if (sent.length) Object.assign(record, JSON.parse(sent));
    switch (id) {
      case "c_refused":
        return response.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      case "c_reset":
        return response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      case "c_goaway":
        // Whatever is behind the stream before this one was not looked at.
        return request.stream.session.goaway(http2.constants.NGHTTP2_NO_ERROR, request.stream.id - 2);
      case "c_gone":
        return request.stream.session.destroy();
      case "c_cut":
        response.writeHead(200, head);
        response.write('{"id":"c_cut",');
        return setTimeout(() => response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR), 20);
      case "c_trailers":
        response.addTrailers({ "x-behind": "r3al-credential" });
        break;
      case "c_404":
        response.writeHead(404, { "content-type": "application/json" });
        return response.end('{"error":"contoso has it"}');
      case "c_once":
        // The first connection is closed after the answer.
        if (!flaky.has(id)) {
          flaky.add(id);
          const { session } = request.stream;
          response.on("close", () => session.close());
        }
    }
    response.writeHead(200, head);
    response.end(JSON.stringify(record));
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
