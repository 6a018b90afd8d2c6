// What Node's own HTTP parser makes of a request, told back. Prints its port, and ends with its standard input.
import http from "node:http";

let seen = 0;
const server = http.createServer((request, response) => {
  const body = [];
  request.on("data", (piece) => body.push(piece));
  request.on("end", () => {
    const url = new URL(request.url, "http://app.test");
    const said = JSON.stringify({
      seen: ++seen,
      method: request.method,
      segments: url.pathname.split("/").slice(1).map(decodeURIComponent),
      query: [...url.searchParams],
      headers: request.rawHeaders.filter((_, place) => place % 2 === 0).map((name) => name.toLowerCase()),
      body: Buffer.concat(body).toString(),
    });
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(said) });
    response.end(said);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
