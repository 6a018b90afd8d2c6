"""Takes what exports send over HTTP and prints it, a JSON object a line: spans and metrics as OpenTelemetry's own package
decodes them, anything else as the elements of a JSON array. The first line is the port."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2


def plain(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None


def attributes(of):
    return {one.key: plain(one.value) for one in of}


def spans(body):
    request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "span": span.name,
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "kind": span.kind,
                    "nanos": span.end_time_unix_nano - span.start_time_unix_nano,
                    "status": span.status.code,
                    "attributes": attributes(span.attributes),
                    "resource": attributes(resource.resource.attributes),
                }


def metrics(body):
    request = metrics_service_pb2.ExportMetricsServiceRequest.FromString(body)
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.sum.data_points:
                    yield {"metric": metric.name, "count": point.as_int, "attributes": attributes(point.attributes)}
                for point in metric.histogram.data_points:
                    yield {"metric": metric.name, "count": point.count, "attributes": attributes(point.attributes)}


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = b""
        if self.path == "/v1/traces":
            found, answer = spans(body), trace_service_pb2.ExportTraceServiceResponse().SerializeToString()
        elif self.path == "/v1/metrics":
            found, answer = metrics(body), metrics_service_pb2.ExportMetricsServiceResponse().SerializeToString()
        else:
            found = json.loads(body)
        for one in found:
            one["token"] = self.headers.get("x-token")
            print(json.dumps(one), flush=True)
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Collector)
print(server.server_address[1], flush=True)
server.serve_forever()
