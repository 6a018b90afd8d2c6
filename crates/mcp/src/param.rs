//! Arguments that travel in headers, too (2026-07-28): a property of a tool's `inputSchema` that carries
//! `x-mcp-header: "Name"` is sent as `Mcp-Param-Name` by whoever calls it, so that what stands between can route on it.
//! Body and header must say the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use json::{Kind, Value};

use crate::envelope::{HEADER_MISMATCH, RpcError};

/// One argument that travels in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// The way to it through the argument object.
    path: Vec<String>,
    header: HeaderName,
    /// Whether it is a whole number, which can be written in several ways.
    integer: bool,
}

/// What a schema declares. Error: a declaration the protocol does not allow; clients leave such a tool out.
pub fn declared(schema: &serde_json::Value) -> Result<Vec<Param>, String> {
    let mut params = Vec::new();
    reachable(schema, &mut Vec::new(), &mut params)?;
    if occurrences(schema) > params.len() {
        return Err(
            "`x-mcp-header` stands where no client can find it: it takes a property, reached through objects only"
                .to_owned(),
        );
    }
    Ok(params)
}

/// The headers for these arguments. What is absent or null has none.
pub fn headers(params: &[Param], arguments: Option<Value<'_, '_>>) -> Vec<(HeaderName, HeaderValue)> {
    let said = params.iter().filter_map(|param| {
        let text = param.text(find(arguments, &param.path)?)?;
        Some((param.header.clone(), HeaderValue::from_str(&encoded(&text)).ok()?))
    });
    said.collect()
}

/// Headers of a request against its arguments. Error: −32020.
pub fn check(params: &[Param], headers: &HeaderMap, arguments: Option<Value<'_, '_>>) -> Result<(), RpcError> {
    for param in params {
        let in_body = find(arguments, &param.path).and_then(|value| param.text(value));
        let in_header = said_once(headers, param.header.as_str())?;
        let same = match (&in_body, in_header) {
            (None, None) => true,
            (Some(body), Some(header)) => {
                let header = header.to_str().ok().and_then(decoded);
                header.is_some_and(|header| *body == param.plain(header))
            }
            _ => false,
        };
        if !same {
            let said =
                format!("the header `{}` does not say what the argument `{}` says", param.header, param.path.join("."));
            return Err(RpcError::new(HEADER_MISMATCH, said));
        }
    }
    Ok(())
}

/// What a header says. Error: it says two things, and whoever stands between may have read the other one (−32020).
pub fn said_once<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h HeaderValue>, RpcError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.all(|other| Some(other) == first) {
        return Ok(first);
    }
    Err(RpcError::new(HEADER_MISMATCH, format!("the header `{name}` says two things")))
}

/// A header value; text that is not plain ASCII travels as `=?base64?…?=`. None: what it is wrapped in holds no text.
pub fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(coded) => String::from_utf8(STANDARD.decode(coded).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

/// The text as a header may carry it.
pub fn encoded(text: &str) -> String {
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text && !text.is_empty();
    if plain && !text.starts_with("=?base64?") {
        text.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(text))
    }
}

fn reachable(schema: &serde_json::Value, path: &mut Vec<String>, params: &mut Vec<Param>) -> Result<(), String> {
    for (name, property) in schema.get("properties").and_then(|all| all.as_object()).into_iter().flatten() {
        path.push(name.clone());
        if let Some(header) = property.get(KEY) {
            let header = header_name(header, property)?;
            // Header names are compared without regard to case, and these are lower case by now.
            if params.iter().any(|other| other.header == header) {
                return Err(format!("two arguments claim the header `{header}`"));
            }
            if params.len() == PARAMS_MAX {
                return Err(format!("more than {PARAMS_MAX} arguments are to travel in headers"));
            }
            let integer = property.get("type").and_then(|kind| kind.as_str()) == Some("integer");
            params.push(Param { path: path.clone(), header, integer });
        }
        reachable(property, path, params)?;
        path.pop();
    }
    Ok(())
}

fn header_name(named: &serde_json::Value, property: &serde_json::Value) -> Result<HeaderName, String> {
    let kind = property.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
    if !matches!(kind, "string" | "integer" | "boolean") {
        return Err(format!("an argument of type `{kind}` cannot travel in a header"));
    }
    let name = named.as_str().filter(|name| !name.is_empty());
    let header = name.and_then(|name| HeaderName::try_from(format!("mcp-param-{name}")).ok());
    header.ok_or_else(|| format!("`{named}` cannot be part of a header's name"))
}

/// How often the key occurs as a key of the schema, wherever that is.
fn occurrences(schema: &serde_json::Value) -> usize {
    match schema {
        serde_json::Value::Object(members) => {
            members.iter().map(|(key, value)| usize::from(key == KEY) + occurrences(value)).sum()
        }
        serde_json::Value::Array(items) => items.iter().map(occurrences).sum(),
        _ => 0,
    }
}

fn find<'d, 'a>(arguments: Option<Value<'d, 'a>>, path: &[String]) -> Option<Value<'d, 'a>> {
    path.iter().try_fold(arguments?, |value, name| value.get(name)).filter(|value| !value.is_null())
}

impl Param {
    /// The argument as its header says it.
    fn text(&self, value: Value<'_, '_>) -> Option<String> {
        match value.kind() {
            Kind::String => value.as_str().map(std::borrow::Cow::into_owned),
            Kind::Number => std::str::from_utf8(value.raw()).ok().map(|raw| self.plain(raw.to_owned())),
            Kind::Bool => std::str::from_utf8(value.raw()).ok().map(str::to_owned),
            Kind::Null | Kind::Array | Kind::Object => None,
        }
    }

    /// The same for every way to write it, where it is a whole number: `42` of `42.0` and `4.2e1`.
    fn plain(&self, text: String) -> String {
        if self.integer { plain_integer(&text).unwrap_or(text) } else { text }
    }
}

/// The digits of a whole number, exactly. None: it is none, or longer than anybody counts.
fn plain_integer(text: &str) -> Option<String> {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (number, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || digits.len() > INTEGER_DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent.parse().ok()?)?;
    let significant = digits.trim_end_matches('0').len();
    if significant == 0 || digits.bytes().all(|byte| byte == b'0') {
        return Some("0".to_owned());
    }
    let point = usize::try_from(point).ok().filter(|point| (significant..=INTEGER_DIGITS_MAX).contains(point))?;
    let padded = format!("{digits:0<point$}");
    let plain = padded.get(..point)?.trim_start_matches('0');
    Some(format!("{sign}{plain}"))
}

const KEY: &str = "x-mcp-header";
const INTEGER_DIGITS_MAX: usize = 64;
/// How many arguments of one tool travel in headers: servers take some hundred headers of a request.
const PARAMS_MAX: usize = 64;

#[cfg(test)]
mod tests;
