//! `witness`: a program of its own that sees other gateways' traces grow, and signs that they do nothing else.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use aws_lc_rs::rand;
use front::{Front, Places, Port, Wire, serve_tcp};
use model::limits::DRAIN_TIME_MAX;
use model::{Blame, Fault, Secret};
use private_file::{Draft, Openness};
use tlog::{Algorithm, KeyName, SEED_BYTES, Signer as _, SigningKey, VerifierKey};
use tokio_util::sync::CancellationToken;

use super::serve::{asked_to_stop, listen};
use crate::cli::{Common, WitnessArgs};
use crate::clock::SystemClock;
use crate::descriptors::{self, connections_for_each};
use crate::gateway::operator;
use crate::terminal::{out, say};
use crate::witness::{Beginning, Desk, DeskWire};

/// Cosigns until it is told to stop.
pub async fn run(common: &Common, args: &WitnessArgs) -> Result<ExitCode, Fault> {
    let logs = known_keys(&args.log)?;
    if let Some(key) = logs.iter().find(|key| key.algorithm() != Algorithm::Ed25519) {
        let said = format!("`{key}` is the key of a witness, not of a log");
        return Err(Fault::new(Blame::Caller, "caller.key", said)
            .hint("`countersign trace keys` of the gateway that is to be witnessed shows its keys"));
    }
    make_folder(&args.data)?;
    let (key, beginning) = key_of(&args.data.join(KEY), args)?;
    // Before anything else can go wrong, so that a key which was made is not without its list.
    let desk = Arc::new(Desk::open(&args.data, key, logs, beginning, Arc::new(SystemClock))?);
    let listener = listen(args.listen).await?;
    let address =
        listener.local_addr().map_err(|error| operator("operator.listen", "the listener has no address", error))?;
    if common.json {
        out(serde_json::json!({ "url": format!("http://{address}"), "key": desk.verifier_key().to_string() }));
    } else {
        say(format_args!("witness {} on http://{address}", desk.verifier_key().name()));
        for (origin, seen) in desk.seen() {
            say(format_args!("  {origin}: {seen} records seen"));
        }
        say("gateways ask it with these lines in their configuration:");
        out(format_args!("trace:\n  witnesses:\n    - url: http://{address}\n      key: {}", desk.verifier_key()));
    }
    let wires: Vec<Arc<dyn Wire>> = vec![Arc::new(DeskWire::new(desk))];
    let front = Arc::new(Front { access: None, origins: None, wires, in_flight: Arc::new(Places::new(64)) });
    descriptors::have();
    let port = Port { listener, connections_max: connections_for_each(1, 0) };
    let stop = CancellationToken::new();
    let asked = asked_to_stop()?;
    let stopping = async {
        asked.await;
        stop.cancel();
    };
    tokio::join!(stopping, serve_tcp(port, front, stop.clone(), DRAIN_TIME_MAX));
    Ok(ExitCode::SUCCESS)
}

/// Keys as they are typed: each one itself, or a file with one a line.
pub fn known_keys(given: &[String]) -> Result<Vec<VerifierKey>, Fault> {
    let mut keys = Vec::new();
    for given in given {
        let lines = match given.parse::<VerifierKey>() {
            Ok(key) => {
                keys.push(key);
                continue;
            }
            Err(error) => std::fs::read_to_string(given).map_err(|_| {
                let said = format!("`{given}` is neither a public key nor a file of them: {error}");
                Fault::new(Blame::Caller, "caller.key", said).hint("`countersign trace keys` of the gateway shows them")
            })?,
        };
        for line in lines.lines().filter(|line| !line.is_empty()) {
            keys.push(line.parse().map_err(|error| {
                let said = format!("`{given}` holds a line that is no public key: {error}");
                Fault::new(Blame::Caller, "caller.key", said)
            })?);
        }
    }
    Ok(keys)
}

fn make_folder(folder: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.and_then(|()| private_file::keep_out_of_git(folder)).map_err(|error| private_file::unwritable(folder, error))
}

/// The witness's key, made where there is none, and how it begins with it.
fn key_of(file: &Path, args: &WitnessArgs) -> Result<(SigningKey, Beginning), Fault> {
    let name = args.name.as_deref();
    if let Some((open, about)) = private_file::open(file, Openness::Owner, KEY_BYTES_MAX)? {
        let content = private_file::content(file, open, &about)?;
        let wrong = |why: String| {
            let said = format!("`{}` holds no key of a witness: {why}", file.display());
            Fault::new(Blame::Operator, "witness.key", said).hint("put the right file back")
        };
        let text = std::str::from_utf8(content.expose()).map_err(|error| wrong(error.to_string()))?;
        let key = SigningKey::from_private_text(text.trim()).map_err(|error| wrong(error.to_string()))?;
        if key.verifier_key().algorithm() != Algorithm::Cosignature {
            return Err(wrong("it signs logs".to_owned()));
        }
        if name.is_some_and(|name| name != key.verifier_key().name().as_str()) {
            let said = format!("this witness is called `{}`", key.verifier_key().name());
            return Err(Fault::new(Blame::Caller, "caller.name", said)
                .hint("leave `--name` out, or start another witness with another `--data`"));
        }
        let anew = args.danger_begin_anew;
        return Ok((key, if anew { Beginning::DangerAnew } else { Beginning::AsKept }));
    }
    let (mut number, mut seed) = ([0; 8], [0; SEED_BYTES]);
    rand::fill(&mut number)
        .and_then(|()| rand::fill(&mut seed))
        .map_err(|_| Fault::new(Blame::Operator, "witness.no_randomness", "the machine has no randomness"))?;
    let made = format!("countersign.local/witness/{:016x}", u64::from_be_bytes(number));
    let name = name.unwrap_or(&made);
    let name: KeyName = name.parse().map_err(|error: tlog::KeyError| {
        Fault::new(Blame::Caller, "caller.name", format!("`{name}` is no name for a witness: {error}"))
    })?;
    let text = SigningKey::private_text(name, Algorithm::Cosignature, &seed).map(Secret::new);
    seed.fill(0);
    let text = text.map_err(|error| Fault::new(Blame::Bug, "witness.key", error.to_string()))?;
    Draft::new(file)?.create(format!("{}\n", text.expose()).as_bytes())?;
    let key = SigningKey::from_private_text(text.expose());
    let key = key.map_err(|error| Fault::new(Blame::Bug, "witness.key", error.to_string()))?;
    Ok((key, Beginning::WithNewKey))
}

const KEY: &str = "witness.key";
const KEY_BYTES_MAX: u64 = 4 << 10;
