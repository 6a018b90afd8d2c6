//! How a command reaches the gateway: over its socket, or, when none runs, by opening the data directory itself.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use model::{Blame, Fault};
use serde_json::Value;
use store::DataDir;
use tokio::net::UnixStream;

use crate::clock::{environment, operator};
use crate::commands::place::Place;
use crate::config::Config;
use crate::gateway::{CONTROL_TIME_MAX, Gateway, bad_file, files};
use crate::operations::{Operation, perform};

/// Does an operation, in the running gateway if there is one. A gateway that starts or stops, and a command like this one, hold the
/// directory while no socket is open: they are waited for.
pub async fn ask(file: &Path, operation: Operation) -> Result<Value, Fault> {
    let mut looks = 0;
    loop {
        let config = match Config::load(file, &environment) {
            Ok(config) => config,
            // What is wrong may be this shell alone, whose variables and programs are not the gateway's; and a kill switch
            // must work while somebody is in the middle of editing.
            Err(problems) => match held_data(file) {
                Some(data) => return over_socket(&data.join(files::CONTROL), &operation).await,
                None => return Err(bad_file(problems)),
            },
        };
        let socket = config.data.join(files::CONTROL);
        let held = DataDir::holder(&config.data).is_some();
        if UnixStream::connect(&socket).await.is_ok() || (held && looks >= LOOKS_MAX) {
            return over_socket(&socket, &operation).await;
        }
        if !held {
            if let Operation::Reload = operation {
                let said = format!("no gateway runs with the data directory `{}`", config.data.display());
                return Err(Fault::new(Blame::Operator, "operator.no_gateway", said).hint(
                    "the next `countersign serve` reads these files; if one runs, name its configuration with `--config`",
                ));
            }
            let listen = config.listen;
            match Gateway::open(config, listen).await {
                Ok(gateway) => return by_itself(gateway, operation).await,
                Err(fault) if is_held_for_a_moment(&fault, looks) => {}
                Err(fault) => return Err(fault),
            }
        }
        looks += 1;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Whether a gateway could not be opened because another command, or one that starts or stops, has its data directory.
pub fn is_held_for_a_moment(fault: &Fault, looks: u32) -> bool {
    fault.code() == "store.held" && looks < LOOKS_MAX
}

async fn by_itself(gateway: Gateway, operation: Operation) -> Result<Value, Fault> {
    let gateway = Arc::new(gateway);
    let done = perform(&gateway, operation, &operator()).await;
    gateway.finish().await;
    done
}

/// The data directory of a gateway that runs, where only the owner can have written what names it.
fn held_data(file: &Path) -> Option<PathBuf> {
    let about = std::fs::metadata(file).ok()?;
    let guarded = about.is_file() && about.mode() & 0o022 == 0;
    let data = Place::of(file, &Place::here()).data;
    (guarded && DataDir::holder(&data).is_some()).then_some(data)
}

async fn over_socket(socket: &Path, operation: &Operation) -> Result<Value, Fault> {
    let body = serde_json::to_vec(operation)
        .map_err(|error| Fault::new(Blame::Bug, "bug.operation", "an operation could not be written").because(error))?;
    let answered = tokio::time::timeout(CONTROL_TIME_MAX, post(socket, "/control", Bytes::from(body), None)).await;
    let (status, body) = answered
        .map_err(|_| Fault::new(Blame::Operator, "operator.no_answer", "the gateway did not answer in time"))??;
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| Fault::new(Blame::Bug, "bug.answer", "the gateway's answer cannot be read").because(error))?;
    if status == StatusCode::OK {
        return Ok(value);
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let said = text("error_description").unwrap_or_else(|| format!("the gateway answered {status}"));
    let fault = Fault::new(Blame::Operator, "operator.refused", said);
    Err(match text("hint") {
        Some(hint) => fault.hint(hint),
        None => fault,
    })
}

/// One request over a socket of the data directory.
pub async fn post(socket: &Path, path: &str, body: Bytes, token: Option<&str>) -> Result<(StatusCode, Bytes), Fault> {
    let wrong = |said: &'static str| {
        move |error: &dyn std::fmt::Display| {
            Fault::new(Blame::Operator, "operator.socket", said).because(std::io::Error::other(error.to_string()))
        }
    };
    let stream = UnixStream::connect(socket).await.map_err(|error| {
        wrong("the running gateway's socket cannot be reached")(&error)
            .hint("is it running as the same user? `countersign doctor` looks")
    })?;
    let broken = wrong("the running gateway broke off");
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let mut driver = tokio::task::JoinSet::new();
    driver.spawn(async move {
        let _ = connection.await;
    });
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, "countersign")
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Full::new(body)).map_err(|error| broken(&error))?;
    let response = send.send_request(request).await.map_err(|error| broken(&error))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
    Ok((status, body))
}

/// How often a data directory that is held without a socket is looked at before whoever asks is told: for five seconds.
const LOOKS_MAX: u32 = 100;
/// Between two looks at a directory that is held.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
