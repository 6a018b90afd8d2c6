//! JSON-RPC 2.0, as far as it is looked at: method, id and params as spans of the body.

use std::borrow::Cow;

use json::{Kind, Value};

/// One message from a client.
pub enum Message<'d, 'a> {
    /// It wants an answer.
    Request(Request<'d, 'a>),
    /// It wants none: the method and the params object, where there is one.
    Notification(Cow<'a, str>, Option<Value<'d, 'a>>),
    /// It answers a question: the id, exactly as it came, whether it is an error, and the value of `result` or `error`.
    Response(&'a [u8], bool, Value<'d, 'a>),
}

/// One request.
pub struct Request<'d, 'a> {
    /// The id, exactly as it came (a string or an integer).
    pub id: &'a [u8],
    /// The method.
    pub method: Cow<'a, str>,
    /// The params object, where there is one.
    pub params: Option<Value<'d, 'a>>,
}

/// A JSON-RPC error to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcError {
    /// The code.
    pub code: i64,
    /// The sentence.
    pub message: String,
    /// `data`, where the specification names some.
    pub data: Option<serde_json::Value>,
}

/// Not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// Not a JSON-RPC message.
pub const INVALID_REQUEST: i64 = -32600;
/// No such method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// Wrong params, unknown tool.
pub const INVALID_PARAMS: i64 = -32602;
/// We broke.
pub const INTERNAL_ERROR: i64 = -32603;
/// A header says something else than the body (2026-07-28).
pub const HEADER_MISMATCH: i64 = -32020;
/// The client does not offer what an app needs (2026-07-28).
pub const MISSING_CAPABILITY: i64 = -32021;
/// A revision we do not speak (2026-07-28).
pub const UNSUPPORTED_VERSION: i64 = -32022;

impl RpcError {
    /// An error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The whole response. `id` is `null` where the request's could not be read.
    pub fn response(&self, id: Option<&[u8]>) -> Vec<u8> {
        let mut error = serde_json::json!({ "code": self.code, "message": self.message });
        if let (Some(data), Some(object)) = (&self.data, error.as_object_mut()) {
            object.insert("data".to_owned(), data.clone());
        }
        wrap(id.unwrap_or(b"null"), "error", error.to_string().as_bytes())
    }
}

/// Reads one message. Error: it is not JSON-RPC; the id comes along where it could be read.
pub fn read<'d, 'a>(message: Value<'d, 'a>) -> Result<Message<'d, 'a>, (Option<&'a [u8]>, RpcError)> {
    if message.kind() != Kind::Object {
        return Err((None, RpcError::new(INVALID_REQUEST, "a message must be a JSON object")));
    }
    let id = match message.get("id") {
        None => None,
        Some(id) if id.kind() == Kind::String || id.as_i64().is_some() => Some(id.raw()),
        Some(_) => return Err((None, RpcError::new(INVALID_REQUEST, "`id` must be a string or an integer"))),
    };
    let wrong = |said: &str| Err((id, RpcError::new(INVALID_REQUEST, said)));
    if message.get("jsonrpc").and_then(|version| version.as_str()).as_deref() != Some("2.0") {
        return wrong("`jsonrpc` must be \"2.0\"");
    }
    let method = match message.get("method") {
        Some(method) => method.as_str(),
        None => {
            return match (id, message.get("result"), message.get("error")) {
                (Some(id), Some(result), None) => Ok(Message::Response(id, false, result)),
                (Some(id), None, Some(error)) => Ok(Message::Response(id, true, error)),
                _ => wrong("a message needs a `method`, or an `id` with either `result` or `error`"),
            };
        }
    };
    let Some(method) = method else { return wrong("`method` must be a string") };
    let params = message.get("params");
    if params.is_some_and(|params| params.kind() != Kind::Object) {
        return wrong("`params` must be an object");
    }
    Ok(match id {
        Some(id) => Message::Request(Request { id, method, params }),
        None => Message::Notification(method, params),
    })
}

/// The code of an app's error.
pub fn code(error: &[u8]) -> i64 {
    let code = |document: &json::Document<'_>| document.root().get("code").and_then(|code| code.as_i64());
    json::Document::parse(error).ok().as_ref().and_then(code).unwrap_or(INTERNAL_ERROR)
}

/// A response with this result, exactly as given.
pub fn result(id: &[u8], result: &[u8]) -> Vec<u8> {
    wrap(id, "result", result)
}

/// A response that hands an upstream's error on.
pub fn error(id: &[u8], error: &[u8]) -> Vec<u8> {
    wrap(id, "error", error)
}

fn wrap(id: &[u8], member: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(40 + id.len() + value.len());
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(member.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests;
