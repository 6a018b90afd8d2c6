//! `trace map`: how far every log of a database was when its gateways looked last, and whether they still are.

use std::process::ExitCode;

use model::{Blame, Fault};
use serde_json::{Value, json};
use store::{Address, Location, LogMap, PostgresReader};
use tlog::Trust;
use trace::{Head, RollbackError, SignedRound, check_since, rfc3339};

use super::super::witness::known_keys;
use super::trace_of;
use crate::cli::{Common, MapArgs};
use crate::notary::trust_of;
use crate::terminal::{out, say};

/// What was found out about the map.
struct Found {
    last: SignedRound,
    /// Who signed the last round, as far as keys are at hand.
    signer: Option<String>,
    /// Whether somebody named the keys whose word is taken.
    named: bool,
    /// Rounds that were checked, and the first thing that is wrong.
    checked: u64,
    wrong: Option<String>,
    /// Each log of the last round, and what is the matter with it.
    logs: Vec<(Head, Option<String>)>,
    /// Rounds that name logs that went back, the last first.
    back: Vec<SignedRound>,
}

/// Shows the last round and checks it. The exit code is 1 where something is wrong.
pub fn run(common: &Common, args: &MapArgs) -> Result<ExitCode, Fault> {
    let kept = trace_of(common)?;
    let Location::Database(address) = &kept.location else {
        return Err(Fault::new(Blame::Caller, "trace.no_map", "this trace is one log in a file")
            .hint("a map is of the logs that gateways keep in one database: `trace: store:`"));
    };
    let mut map = LogMap::of(address, "");
    let Some(last) = map.standing().map_err(Fault::from)?.last else {
        if common.json {
            out(json!({ "round": null, "right": true, "logs": [] }));
        }
        say("no gateway has mapped the logs of this database yet");
        return Ok(ExitCode::SUCCESS);
    };
    let origin = last.signed.danger_unverified().origin().to_owned();
    let trust = match args.key.is_empty() {
        true => trust_of(&kept.keys, &origin)?,
        false => Trust { origin, log: known_keys(&args.key)?, witnesses: Vec::new() },
    };
    let (checked, wrong) = walk(&mut map, &last, args.all)?;
    let found = Found {
        signer: signer(&last, &trust),
        named: !args.key.is_empty(),
        checked,
        wrong,
        logs: compared(address, &last),
        back: map.rounds_back(BACK_MAX).map_err(Fault::from)?,
        last,
    };
    if common.json {
        out(found.to_json());
    } else {
        found.tell();
    }
    Ok(if found.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks rounds one after the other: all, or the last one against the one before.
fn walk(map: &mut LogMap, last: &SignedRound, all: bool) -> Result<(u64, Option<String>), Fault> {
    let mut before: Option<SignedRound> = None;
    let mut behind = if all { 0 } else { last.round.number.saturating_sub(2) };
    let mut checked = 0;
    while behind < last.round.number {
        let rounds = map.rounds(behind, PAGE).map_err(Fault::from)?;
        let Some(end) = rounds.last() else { break };
        behind = end.round.number;
        for round in rounds.into_iter().take_while(|round| round.round.number <= last.round.number) {
            // The first of two is what the second is compared with.
            if before.is_some() || round.round.number == 1 {
                if let Err(error) = round.check(before.as_ref()) {
                    return Ok((checked, Some(error.to_string())));
                }
                checked += 1;
            }
            before = Some(round);
        }
    }
    let whole = before.is_some_and(|before| before == *last);
    Ok((checked, (!whole).then(|| format!("round {} is not there any more", last.round.number))))
}

/// Who signed it, of those whose word is taken.
fn signer(round: &SignedRound, trust: &Trust) -> Option<String> {
    round.signed.verify(trust).ok()?;
    let verified = round.signed.note().verify(&trust.log).ok()?;
    verified.first().map(|one| one.key.name().to_string())
}

/// Each log as it is now, against what the round says of it.
fn compared(address: &Address, last: &SignedRound) -> Vec<(Head, Option<String>)> {
    let compare = |head: &Head| {
        let reader = match PostgresReader::open(&address.named(&head.log)) {
            Ok(reader) => reader,
            Err(error) => return Some(error.to_string()),
        };
        match check_since(&reader, head.tree) {
            Ok(()) => None,
            Err(RollbackError::NotRead(fault)) => Some(fault.to_string()),
            Err(error) => Some(format!("it went back: {error}")),
        }
    };
    last.round.heads.iter().map(|head| (head.clone(), compare(head))).collect()
}

impl Found {
    fn is_right(&self) -> bool {
        // Without keys, whoever looks knows only those of the own gateway, and any gateway of the database may have signed.
        let signed = self.signer.is_some() || !self.named;
        signed
            && self.wrong.is_none()
            && self.last.round.back.is_empty()
            && self.logs.iter().all(|(_, wrong)| wrong.is_none())
    }

    fn tell(&self) {
        let (round, origin) = (&self.last.round, self.last.signed.danger_unverified().origin());
        let by = match &self.signer {
            Some(signer) => format!("signed by {signer}"),
            None if self.named => "signed by nobody whose key was named".to_owned(),
            None => "signed by nobody whose key is here: `--key` takes those of the other gateways".to_owned(),
        };
        out(format_args!("round {} of {origin} at {}, {by}", round.number, rfc3339(round.at)));
        out(format_args!("root over its logs {}", round.root()));
        for (head, wrong) in &self.logs {
            let said = wrong.as_deref().unwrap_or("they are still the ones");
            out(format_args!("{}: {} records of {}; {said}", head.log, head.tree.size, head.origin));
        }
        for round in &self.back {
            let (logs, number) = (round.round.back.join(", "), round.round.number);
            out(format_args!("went back in round {number} at {}: {logs}", rfc3339(round.round.at)));
        }
        match &self.wrong {
            Some(wrong) => out(wrong),
            None => out(format_args!("{} rounds checked, each of them follows the one before", self.checked)),
        }
    }

    fn to_json(&self) -> Value {
        let round = &self.last.round;
        let logs = self.logs.iter().map(|(head, wrong)| {
            json!({
                "log": head.log, "origin": head.origin, "size": head.tree.size,
                "root": head.tree.root.to_string(), "wrong": wrong,
            })
        });
        let back = self.back.iter().map(
            |round| json!({ "round": round.round.number, "time": rfc3339(round.round.at), "logs": round.round.back }),
        );
        json!({
            "origin": self.last.signed.danger_unverified().origin(),
            "round": round.number,
            "time": rfc3339(round.at),
            "root": round.root().to_string(),
            "right": self.is_right(),
            "signed_by": self.signer,
            "checked": self.checked,
            "wrong": self.wrong,
            "logs": logs.collect::<Vec<_>>(),
            "went_back": back.collect::<Vec<_>>(),
            "checkpoint": self.last.signed.note().to_string(),
        })
    }
}

const PAGE: usize = 1_000;
const BACK_MAX: usize = 20;
