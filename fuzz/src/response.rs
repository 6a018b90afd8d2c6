//! What must be true of every response, whatever was asked.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// A response that was read to its end, or as far as a stream without an end went.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it had not ended.
    pub goes_on: bool,
}

impl Response {
    /// Panics where it is not what a client may count on; else its messages.
    pub fn check(&self) -> Vec<Value> {
        let shown = || format!("{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body));
        let busy = self.status == StatusCode::SERVICE_UNAVAILABLE;
        assert!(busy || !self.status.is_server_error(), "our fault: {}", shown());
        if self.body.is_empty() {
            return Vec::new();
        }
        let kind = self.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind {
            "application/json" => match serde_json::from_slice(&self.body) {
                Ok(value) => vec![value],
                Err(error) => panic!("not JSON: {error}: {}", shown()),
            },
            "text/event-stream" => self.events().unwrap_or_else(|wrong| panic!("{wrong}: {}", shown())),
            _ => panic!("neither JSON nor an event stream: {}", shown()),
        }
    }

    /// The one answer to this request.
    pub fn answer(&self, id: &Value) -> Value {
        let messages = self.check();
        let shown = || String::from_utf8_lossy(&self.body).into_owned();
        let mut answers = messages.iter().filter(|message| message.get("method").is_none());
        let answer = answers.next().unwrap_or_else(|| panic!("no answer: {} {}", self.status, shown()));
        assert!(answers.next().is_none(), "two answers: {}", shown());
        assert!(messages.last() == Some(answer), "something after the answer: {}", shown());
        assert_eq!((answer.get("jsonrpc"), answer.get("id")), (Some(&Value::from("2.0")), Some(id)), "{}", shown());
        match (answer.get("result"), answer.get("error")) {
            (Some(result), None) => assert!(result.is_object(), "{}", shown()),
            (None, Some(error)) => {
                let code = error.get("code").is_some_and(Value::is_i64);
                assert!(code && error.get("message").is_some_and(Value::is_string), "{}", shown());
            }
            _ => panic!("not either: {}", shown()),
        }
        answer.clone()
    }

    /// The messages of an event stream (WHATWG HTML, server-sent events).
    fn events(&self) -> Result<Vec<Value>, String> {
        let text = std::str::from_utf8(&self.body).map_err(|error| error.to_string())?;
        if !self.goes_on && !text.ends_with("\n\n") {
            return Err("the last event has no end".to_owned());
        }
        let mut messages = Vec::new();
        for block in text.split("\n\n") {
            let mut data = Vec::new();
            for line in block.lines() {
                match line.split_once(':') {
                    Some(("data", rest)) => data.push(rest.strip_prefix(' ').unwrap_or(rest)),
                    Some(("id" | "event" | "retry" | "", _)) => {}
                    _ => return Err(format!("a line that is no field: `{line}`")),
                }
            }
            let data = data.join("\n");
            if !data.is_empty() {
                messages.push(serde_json::from_str(&data).map_err(|error| format!("an event is not JSON: {error}"))?);
            }
        }
        Ok(messages)
    }
}
