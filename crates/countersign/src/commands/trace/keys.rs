//! `trace keys`: which keys sign the trace, and their public halves for whoever checks it.

use std::process::ExitCode;

use model::{Blame, Fault};
use tlog::{Signer as _, VerifierKey};

use super::trace_of;
use crate::cli::{Common, KeysArgs};
use crate::notary::{key_files, key_of_environment, make_key, origin_of, read_key, retire_key, trust_of};
use crate::terminal::{out, say};

/// Shows the keys, makes one, or lets one go.
pub fn run(common: &Common, args: &KeysArgs) -> Result<ExitCode, Fault> {
    let trace = trace_of(common)?;
    let origin = trace.reader_if_there()?.map(|reader| origin_of(&reader)).transpose()?.flatten();
    let folder = trace.keys;
    let Some(origin) = origin else {
        if args.new || args.retire.is_some() {
            return Err(Fault::new(
                Blame::Operator,
                "trace.unsigned",
                "there is no signed trace whose keys could change",
            )
            .hint("start the gateway once: `countersign serve` makes the first key"));
        }
        say("nothing has been recorded and signed yet: `countersign serve` makes the first key when it starts");
        return Ok(ExitCode::SUCCESS);
    };
    if args.new {
        let made = make_key(&folder, &origin)?;
        say(format_args!("made {}; it signs from the next start of the gateway on, beside the others", made.display()));
    }
    if let Some(wanted) = &args.retire {
        let known = retire_key(&folder, wanted)?;
        say(format_args!("{known} signs no more from the next start of the gateway on; what it signed stays right"));
    }
    let mut files = Vec::new();
    for file in key_files(&folder)? {
        files.push((read_key(&file)?.verifier_key().clone(), file));
    }
    let trust = trust_of(&folder, &origin)?;
    // Where the environment holds a key, it is the only one that signs.
    let of_environment = key_of_environment()?.map(|key| key.verifier_key().clone());
    let file_of = |key: &VerifierKey| files.iter().find(|(known, _)| known == key).map(|(_, file)| file);
    let signs = |key: &VerifierKey| match &of_environment {
        Some(own) => own == key,
        None => file_of(key).is_some(),
    };
    if common.json {
        let keys = trust.log.iter().map(|key| {
            let file = file_of(key).map(|file| file.display().to_string());
            serde_json::json!({ "key": key.to_string(), "signs": signs(key), "file": file })
        });
        out(serde_json::json!({ "origin": origin, "keys": keys.collect::<Vec<_>>() }));
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("the trace {origin}; give these lines to whoever is to check it:"));
    for key in &trust.log {
        // Told beside the line, which is handed out as it is.
        let number = file_of(key).and_then(|file| file.file_stem()).and_then(|number| number.to_str());
        match (number, signs(key)) {
            (Some(number), true) => say(format_args!("number {number}, which signs:")),
            (Some(number), false) => {
                say(format_args!("number {number}, which does not sign while the environment holds a key:"));
            }
            (None, true) => say("of the environment, which signs:"),
            (None, false) => say("retired, which signs no more:"),
        }
        out(key.to_string());
    }
    Ok(ExitCode::SUCCESS)
}
