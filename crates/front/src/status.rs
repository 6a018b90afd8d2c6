//! The one table from fault to HTTP status.

use http::StatusCode;
use model::{Blame, Fault};

/// The HTTP status of a fault.
pub fn status_of(fault: &Fault) -> StatusCode {
    match fault.code() {
        "caller.too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "caller.too_many_headers" => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "caller.too_slow" => StatusCode::REQUEST_TIMEOUT,
        "caller.content_type" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "caller.accept" => StatusCode::NOT_ACCEPTABLE,
        "caller.unknown_path" | "caller.unknown_session" => StatusCode::NOT_FOUND,
        "caller.method" => StatusCode::METHOD_NOT_ALLOWED,
        "caller.host" => StatusCode::MISDIRECTED_REQUEST,
        "caller.origin" | "caller.operators_only" | "caller.no_reader" => StatusCode::FORBIDDEN,
        "people.refused" | "people.signed_out" => StatusCode::UNAUTHORIZED,
        "people.too_many" | "caller.too_many" => StatusCode::TOO_MANY_REQUESTS,
        "people.busy" | "gateway.busy" | "upstream.busy" | "gateway.stopping" | "gateway.stopped" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "upstream.timeout" => StatusCode::GATEWAY_TIMEOUT,
        _ => match fault.blame() {
            Blame::Caller => StatusCode::BAD_REQUEST,
            Blame::Upstream => StatusCode::BAD_GATEWAY,
            Blame::Rule | Blame::Operator => StatusCode::SERVICE_UNAVAILABLE,
            Blame::Bug => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}
