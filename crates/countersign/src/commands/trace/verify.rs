//! `trace verify`: whether the trace, or a receipt of it, is what was signed.

use std::ops::RangeInclusive;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use export::{CheckError, Checked};
use model::{Blame, Fault, UnixMicros};
use tlog::{CheckpointError, Cosignature, Hash, Receipt, ReceiptError, SignedCheckpoint, Trust, VerifierKey};
use trace::{Audit, Finding, Known, LogReader, StoreFaultKind, UNSIGNED_TIME_MAX_US, audit, audit_leaves, audit_range};

use super::super::witness::known_keys;
use super::embedded::{Embedded, is_page, receipts};
use super::readable::plain;
use super::trace_of;
use crate::cli::{Common, VerifyArgs};
use crate::clock::environment;
use crate::config::Config;
use crate::notary::{kept_elsewhere, origin_of, trust_of};
use crate::terminal::{out, progress, say};

/// Checks the trace, or one receipt. The exit code is 1 where something is wrong.
pub fn run(common: &Common, args: &VerifyArgs) -> Result<ExitCode, Fault> {
    match (&args.receipt, &args.export) {
        (Some(file), _) => of_receipt(common, args, file),
        (None, Some(file)) => of_export(common, args, file),
        (None, None) => of_trace(common, args),
    }
}

fn of_trace(common: &Common, args: &VerifyArgs) -> Result<ExitCode, Fault> {
    let kept = trace_of(common)?;
    let reader = kept.reader()?;
    let Some(origin) = origin_of(&reader)? else {
        return Err(Fault::new(Blame::Operator, "trace.unsigned", "nobody has signed this trace yet")
            .hint("start the gateway once: it signs what is there"));
    };
    let config = Config::load(&common.config, &environment).ok();
    let named = config.iter().flat_map(|config| &config.witnesses).map(|witness| witness.key.clone());
    let mut trust = trust(args, &origin, &kept.keys)?;
    trust.witnesses.extend(named.filter(|_| args.witness.is_empty()));
    // Any key of this trace says what is a checkpoint of it. Whether those that were named signed it is looked at with the rest.
    let own = trust_of(&kept.keys, &origin).map(|own| own.log).unwrap_or_default();
    let of_this_trace = Trust { log: [trust.log.as_slice(), &own].concat(), ..trust.clone() };
    let copy = config.as_ref().map(|config| kept_elsewhere(&config.checkpoint_copy, &of_this_trace)).transpose()?;
    let cosigned = seen_by_witnesses(&reader, &of_this_trace)?;
    let elsewhere = copy.flatten().into_iter().chain(cosigned.iter().map(|(_, checkpoint)| checkpoint.clone()));
    let known = Known { named: !args.key.is_empty(), elsewhere: elsewhere.collect(), trust };
    let last = reader.last_sequence().map_err(Fault::from)?;
    let range = (args.from.is_some() || args.to.is_some())
        .then(|| args.from.unwrap_or(1).max(1)..=args.to.unwrap_or(last))
        .map(|range| if range.is_empty() || *range.end() > last { Err(no_range(&range, last)) } else { Ok(range) })
        .transpose()?;
    let look = || looked_at(&reader, &known, range.clone(), last);
    // Whoever names a key and an end asks for its word on every record up to there.
    let to_the_last = known.named && args.to.is_some();
    let from = range.as_ref().map_or(1, |range| *range.start());
    let mut audited = look()?;
    if audited.bad.is_none() && unsigned(&audited, from, to_the_last).is_some() {
        // A gateway that started this moment signs what the last one left.
        std::thread::sleep(SIGNED_SOON);
        audited = look()?;
    }
    let unsigned = unsigned(&audited, from, to_the_last);
    let hint = match &audited.bad {
        None => unsigned.as_ref().map(|_| UNSIGNED_HINT),
        Some(_) => signed_by_others(&reader, &known)?.then_some(OTHER_KEY_HINT),
    };
    audited.bad = audited.bad.take().or(unsigned).or_else(|| silent(args, &known.trust, &cosigned));
    report(common, &origin, &audited, &cosigned);
    if let Some(hint) = hint {
        say(format_args!("hint: {hint}"));
    }
    Ok(if audited.bad.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether there is a checkpoint that no key signed that is trusted.
fn signed_by_others(reader: &dyn LogReader, known: &Known) -> Result<bool, Fault> {
    let checkpoints = trace::checkpoints(reader).map_err(Fault::from)?;
    let of_others = |one: &SignedCheckpoint| matches!(one.verify(&known.trust), Err(CheckpointError::NotOfLog { .. }));
    Ok(checkpoints.iter().chain(&known.elsewhere).any(of_others))
}

fn no_range(range: &RangeInclusive<u64>, last: u64) -> Fault {
    let (from, to) = (range.start(), range.end());
    let said = format!("there are records 1 to {last}, and {from} to {to} was asked for");
    Fault::new(Blame::Caller, "caller.range", said)
}

/// What is found in these records, or in all.
fn looked_at(
    reader: &dyn LogReader,
    known: &Known,
    range: Option<RangeInclusive<u64>>,
    last: u64,
) -> Result<Audit, Fault> {
    if let Some(range) = range {
        return audit_range(reader, known, range).map_err(Fault::from);
    }
    let shown = |records| progress(Some(&format!("{records} of {last} records")));
    let audited = match audit(reader, known, shown) {
        Err(fault) if fault.kind() == StoreFaultKind::Missing => {
            say(format_args!("{fault}: what the leaves say is checked, and no text against them"));
            audit_leaves(reader, known, shown)
        }
        Ok(audit) if audit.bad.is_none() => {
            let asked = |records| progress(Some(&format!("{records} of {last} records are looked for")));
            let lost = reader.lost(&mut { asked });
            if let Ok(Some(_)) = &lost {
                progress(None);
                say(
                    "hint: the records themselves are right: `countersign trace export` reads all of them and asks no index",
                );
            }
            lost.map(|bad| Audit { bad, ..audit })
        }
        audited => audited,
    };
    progress(None);
    audited.map_err(Fault::from)
}

/// What is wrong with an end that nobody has signed: it took longer than a gateway lets pass, or all of it is to be signed.
pub(super) fn unsigned(audit: &Audit, from: u64, to_the_last: bool) -> Option<Finding> {
    let sequence = audit.signed.map_or(0, |tree| tree.size).saturating_add(1).max(from);
    let what = if audit.unsigned_us > UNSIGNED_TIME_MAX_US {
        let seconds = audit.unsigned_us / 1_000_000;
        format!(
            "nobody has signed it and those behind it, which were made in {seconds} seconds; a gateway signs several times a second"
        )
    } else if to_the_last && audit.unsigned > 0 {
        "no checkpoint covers it".to_owned()
    } else {
        return None;
    };
    Some(Finding { sequence, what })
}

/// What is wrong where a witness that was named on the command line has cosigned nothing.
fn silent(args: &VerifyArgs, trust: &Trust, cosigned: &[(Cosignature, SignedCheckpoint)]) -> Option<Finding> {
    let cosigns = |key: &&VerifierKey| cosigned.iter().any(|(cosignature, _)| cosignature.witness == *key.name());
    let named = trust.witnesses.iter().filter(|_| !args.witness.is_empty());
    let silent = named.filter(|key| !cosigns(key)).map(VerifierKey::name).next()?;
    Some(Finding { sequence: 1, what: format!("the witness `{silent}` has cosigned no checkpoint of it") })
}

/// What each witness has cosigned last.
fn seen_by_witnesses(reader: &dyn LogReader, trust: &Trust) -> Result<Vec<(Cosignature, SignedCheckpoint)>, Fault> {
    let mut seen = Vec::new();
    for (key, checkpoint) in trace::cosigned(reader).map_err(Fault::from)? {
        let wrong = |why: String| {
            let said = format!("what the witness `{key}` has cosigned does not verify: {why}");
            Fault::new(Blame::Operator, "trace.cosigned", said).hint("somebody has changed the state of the gateway")
        };
        // One that is not asked any more is nobody whose word is taken.
        let Some(witness) = trust.witnesses.iter().find(|witness| witness.to_string() == key) else { continue };
        let alone = Trust { witnesses: vec![witness.clone()], ..trust.clone() };
        let (_, mut cosignatures) = checkpoint.verify(&alone).map_err(|error| wrong(error.to_string()))?;
        let cosignature = cosignatures.pop().ok_or_else(|| wrong("it is not signed by it".to_owned()))?;
        seen.push((cosignature, checkpoint));
    }
    Ok(seen)
}

fn report(common: &Common, origin: &str, audit: &Audit, cosigned: &[(Cosignature, SignedCheckpoint)]) {
    let of = |checkpoint: &SignedCheckpoint| checkpoint.danger_unverified().tree().size;
    let signed = audit.signed.map(|tree| serde_json::json!({ "size": tree.size, "root": tree.root.to_string() }));
    if common.json {
        out(serde_json::json!({
            "origin": origin,
            "right": audit.bad.is_none(),
            "records": audit.records,
            "erased": audit.erased,
            "let_go": audit.let_go,
            "unsigned": audit.unsigned,
            "checkpoints": audit.checkpoints,
            "signed": signed,
            "cosigned": cosigned.iter().map(|(cosignature, checkpoint)| serde_json::json!({
                "witness": cosignature.witness.as_str(), "size": of(checkpoint), "at": time_of(cosignature),
            })).collect::<Vec<_>>(),
            "bad": audit.bad.as_ref().map(|bad| serde_json::json!({ "sequence": bad.sequence, "what": bad.what })),
        }));
        return;
    }
    match &audit.bad {
        Some(bad) => out(format!("record {}: {}", bad.sequence, bad.what)),
        None => out(format!("{} what was written", are(audit.records))),
    }
    if let Some(tree) = audit.signed {
        out(format!("signed up to record {} by {origin}, root {}", tree.size, tree.root));
    }
    for (cosignature, checkpoint) in cosigned {
        let (witness, at) = (&cosignature.witness, time_of(cosignature));
        out(format!("cosigned up to record {} by {witness} at {at}", of(checkpoint)));
    }
    if audit.erased > 0 {
        out(format!("{} of them are without their text, which was erased", audit.erased));
    }
    if audit.let_go > 0 {
        out(format!("{} of them are without their text, which was let go", audit.let_go));
    }
    if audit.unsigned > 0 {
        out(format!("{} at the end are not signed yet", audit.unsigned));
    }
}

fn of_export(common: &Common, args: &VerifyArgs, file: &Path) -> Result<ExitCode, Fault> {
    let opened = std::fs::File::open(file).map_err(|error| private_file::unreadable(file, error))?;
    let mut refused = None;
    let trusted = |origin: &str| {
        let found = keys_for(common, args, origin);
        found.map_err(|fault| refused = Some(fault)).ok()
    };
    let mut lines = std::io::BufReader::new(opened);
    let checked = export::check(&mut lines, trusted, |records| progress(Some(&format!("{records} records"))));
    progress(None);
    let checked = match (checked, refused) {
        (Err(CheckError::NoKey), Some(fault)) => return Err(fault),
        (Err(CheckError::NotRead(error)), _) => return Err(private_file::unreadable(file, error)),
        (Err(CheckError::NoKey), None) => return Err(no_key()),
        (Ok(checked), _) => checked,
    };
    report_export(common, file, &checked);
    // Whoever names a key asks for its word on every record.
    let right = if args.key.is_empty() { checked.wrong.is_none() } else { is_signed(&checked) };
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether every record is what was signed.
fn is_signed(checked: &Checked) -> bool {
    checked.wrong.is_none() && checked.signed.is_some() && checked.unsigned == 0
}

fn report_export(common: &Common, file: &Path, checked: &Checked) {
    let signed = checked.signed.map(|tree| serde_json::json!({ "size": tree.size, "root": tree.root.to_string() }));
    if common.json {
        out(serde_json::json!({
            "origin": checked.origin,
            "right": is_signed(checked),
            "records": checked.records,
            "signed_records": checked.signed_records,
            "first": checked.first,
            "last": checked.last,
            "without_text": checked.without_text,
            "unsigned": checked.unsigned,
            "signed": signed,
            "wrong": checked.wrong.as_ref().map(|wrong| serde_json::json!({ "line": wrong.line, "what": wrong.what })),
        }));
        return;
    }
    if let Some(wrong) = &checked.wrong {
        out(format_args!("{}:{}: {}", file.display(), wrong.line, wrong.what));
        return;
    }
    match (&checked.origin, checked.signed, checked.first) {
        (Some(origin), Some(tree), Some(first)) => {
            let last = first.saturating_add(checked.signed_records).saturating_sub(1);
            out(format_args!("{} what was written", are(checked.signed_records)));
            out(format_args!("records {first} to {last} are all that {origin} has signed there, root {}", tree.root));
            if checked.unsigned > 0 {
                out(format_args!("nothing signed vouches for the {} behind them", checked.unsigned));
                say(format_args!("hint: export them again once they are signed, or only `--to {last}`"));
            }
        }
        _ => {
            out(format_args!("nothing signed vouches for these {} records", checked.records));
            out(
                "each adds up in itself, which whoever made the file could make it do, and nothing says what was left out",
            );
            say("hint: an export of all records between two of them, without a question, proves what it holds");
        }
    }
    if checked.without_text > 0 {
        out(format_args!(
            "{} of the records are without their text, and nothing in the file says why",
            checked.without_text
        ));
        say(
            "hint: whether it was erased or let go, and not taken out of the file, says `countersign trace verify` where the trace is",
        );
    }
}

/// The keys to trust for the log of this name.
fn keys_for(common: &Common, args: &VerifyArgs, origin: &str) -> Result<Trust, Fault> {
    let folder = match args.key.is_empty() {
        true => trace_of(common)?.keys,
        false => std::path::PathBuf::new(),
    };
    let trust = trust(args, origin, &folder)?;
    if trust.log.is_empty() { Err(no_key()) } else { Ok(trust) }
}

fn no_key() -> Fault {
    Fault::new(Blame::Caller, "caller.no_key", "there is no key to check it with")
        .hint("name the one that the owner of the gateway gave you: `--key origin+id+key`")
}

fn of_receipt(common: &Common, args: &VerifyArgs, file: &Path) -> Result<ExitCode, Fault> {
    let text = std::fs::read_to_string(file).map_err(|error| private_file::unreadable(file, error))?;
    let wrong = |what: String| {
        Fault::new(Blame::Caller, "trace.receipt", format!("`{}` proves nothing: {what}", file.display()))
            .hint(ASK_AGAIN_HINT)
    };
    if is_page(&text) {
        return of_page(common, args, file, &text);
    }
    let receipt: Receipt = text.parse().map_err(|error: ReceiptError| wrong(error.to_string()))?;
    let origin = receipt.checkpoint().danger_unverified().origin().to_owned();
    let trust = trust_for(common, args, &origin)?;
    let Right { sequence, size, leaf, cosignatures } = match right(&receipt, &trust) {
        Ok(right) => right,
        Err(unproved) => return Ok(not_right(common, file, &unproved)),
    };
    if common.json {
        out(serde_json::json!({
            "right": true, "origin": origin, "sequence": sequence, "size": size, "record": leaf,
            "cosigned": cosignatures.iter().map(|one| serde_json::json!({
                "witness": one.witness.as_str(), "at": time_of(one),
            })).collect::<Vec<_>>(),
        }));
    } else {
        say(format_args!("record {sequence} of {origin}, signed with {} others:", size - 1));
        for one in &cosignatures {
            say(format_args!("cosigned by {} at {}", one.witness, time_of(one)));
        }
        out(serde_json::to_string_pretty(&leaf).unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells why a receipt, or one of a page, proves nothing. Exit code 1.
fn not_right(common: &Common, file: &Path, unproved: &Unproved) -> ExitCode {
    let Unproved { what, hint } = unproved;
    if common.json {
        out(serde_json::json!({ "right": false, "wrong": what }));
    } else {
        out(format_args!("`{}` proves nothing: {}", plain(&file.display().to_string()), plain(what)));
    }
    say(format_args!("hint: {hint}"));
    ExitCode::FAILURE
}

/// Checks every receipt of a page of evidence.
fn of_page(common: &Common, args: &VerifyArgs, file: &Path, text: &str) -> Result<ExitCode, Fault> {
    let wrong = |what: String| {
        Fault::new(Blame::Caller, "trace.receipt", format!("`{}` is not right: {what}", file.display()))
            .hint(CHANGED_HINT)
    };
    let embedded = receipts(text).map_err(wrong)?;
    let mut trust: Option<(String, Trust)> = None;
    let mut signed = None;
    for Embedded { sequence, text } in &embedded {
        let unreadable = |error: ReceiptError| wrong(format!("the receipt of record {sequence} is none: {error}"));
        let receipt: Receipt = text.parse().map_err(unreadable)?;
        let origin = receipt.checkpoint().danger_unverified().origin().to_owned();
        let known = match &mut trust {
            Some((of, known)) if *of == origin => known,
            other => &mut other.insert((origin.clone(), trust_for(common, args, &origin)?)).1,
        };
        let checked = right(&receipt, known).and_then(|right| match right.sequence == *sequence {
            true => Ok(right),
            false => Err(Unproved { what: format!("it is of record {}", right.sequence), hint: CHANGED_HINT }),
        });
        let right = match checked {
            Ok(right) => right,
            Err(Unproved { what, hint }) => {
                let what = format!("the receipt of record {sequence} is not right: {what}");
                return Ok(not_right(common, file, &Unproved { what, hint }));
            }
        };
        signed = Some((origin, right.size));
    }
    let Some((origin, size)) = signed else {
        let said = format!("`{}` proves nothing: there is no receipt in it", file.display());
        return Err(Fault::new(Blame::Caller, "trace.receipt", said).hint(
            "a page of a time without requests has none; one that tells of requests was changed: ask for it again",
        ));
    };
    if common.json {
        let sequences: Vec<u64> = embedded.iter().map(|one| one.sequence).collect();
        out(serde_json::json!({ "right": true, "origin": origin, "size": size, "records": sequences }));
    } else {
        let count = embedded.len();
        out(format_args!(
            "{count} receipts are right: these records stand in {origin} as they are, signed up to record {size}"
        ));
        say("they prove the records; what the page says of them in words and figures is its maker's");
    }
    Ok(ExitCode::SUCCESS)
}

/// `1 record is`, `2 records are`.
fn are(records: u64) -> String {
    if records == 1 { "1 record is".to_owned() } else { format!("{records} records are") }
}

/// What a receipt proves.
struct Right {
    sequence: u64,
    /// Of the tree.
    size: u64,
    leaf: serde_json::Value,
    cosignatures: Vec<Cosignature>,
}

/// Why a receipt proves nothing, and the way out.
struct Unproved {
    what: String,
    hint: &'static str,
}

/// Checks a receipt.
fn right(receipt: &Receipt, trust: &Trust) -> Result<Right, Unproved> {
    let wrong = |what: String| Unproved { what, hint: ASK_AGAIN_HINT };
    let leaf = receipt.extra().ok_or_else(|| wrong("the record itself is not in it".to_owned()))?;
    let (checkpoint, cosignatures) = receipt.verify(Hash::of_leaf(leaf), trust).map_err(|error| match &error {
        ReceiptError::Checkpoint(CheckpointError::NotOfLog { .. }) => {
            Unproved { what: error.to_string(), hint: OTHER_KEY_HINT }
        }
        _ => wrong(error.to_string()),
    })?;
    let silent = |key: &&VerifierKey| !cosignatures.iter().any(|one| one.witness == *key.name());
    if let Some(silent) = trust.witnesses.iter().find(silent) {
        return Err(wrong(format!("the witness `{}` has not cosigned it", silent.name())));
    }
    let leaf = serde_json::from_slice(leaf).map_err(|error| wrong(error.to_string()))?;
    Ok(Right { sequence: receipt.index() + 1, size: checkpoint.tree().size, leaf, cosignatures })
}

/// The keys that are named, or else those beside the trace.
fn trust_for(common: &Common, args: &VerifyArgs, origin: &str) -> Result<Trust, Fault> {
    if !args.key.is_empty() {
        return trust(args, origin, Path::new(""));
    }
    let folder = trace_of(common)?.keys;
    let trust = Trust { witnesses: known_keys(&args.witness)?, ..trust_of(&folder, origin)? };
    if trust.log.is_empty() { Err(no_key()) } else { Ok(trust) }
}

/// When a witness saw it.
fn time_of(cosignature: &Cosignature) -> String {
    let micros = i64::try_from(cosignature.at).unwrap_or_default().saturating_mul(1_000_000);
    trace::rfc3339(UnixMicros(micros))
}

fn trust(args: &VerifyArgs, origin: &str, folder: &Path) -> Result<Trust, Fault> {
    if args.key.is_empty() {
        say(
            "checked with the keys beside the trace: whoever could change both would not be noticed; `--key` takes yours",
        );
        let own = trust_of(folder, origin)?;
        return Ok(Trust { witnesses: known_keys(&args.witness)?, ..own });
    }
    let (log, witnesses) = (known_keys(&args.key)?, known_keys(&args.witness)?);
    Ok(Trust { origin: origin.to_owned(), log, witnesses })
}

/// What to do about an end that nobody has signed.
const UNSIGNED_HINT: &str = "a gateway that runs signs within a second. Where commands wrote these records while none ran, as those of older \
     versions did, start it once: it signs what is there. Else somebody took checkpoints away, or wrote these records: keep a copy of the \
     trace as evidence first";
const ASK_AGAIN_HINT: &str = "a receipt is right as it was written or not at all: ask for it again";
const CHANGED_HINT: &str = "somebody has changed it, or it is of another gateway: ask for it again";
/// What to do about a checkpoint that no key signed that is trusted.
const OTHER_KEY_HINT: &str = "where that is another key of the gateway, name it with `--key` as well: `countersign trace keys` lists all of them \
     there, also those that sign no more. Else it is forged";
/// A gateway signs each half second.
const SIGNED_SOON: Duration = Duration::from_millis(1_500);
