//! `trace owns`: who answers for an agent, and is that person still there?

use std::process::ExitCode;

use identity::{LiveDirectory, Standing};
use jiff::tz::TimeZone;
use model::{Agent, AgentId, Blame, Directory as _, DirectorySnapshot, Fault, Human, HumanId};
use serde_json::{Value, json};
use std::sync::Arc;
use trace::ready::Whose;
use trace::{Entry, Field, LogReader, Query, RecordKind, UseOf, rfc3339};

use super::readable::{local, plain};
use super::trace_of;
use crate::cli::{Common, OwnsArgs};
use crate::clock::environment;
use crate::config::{Config, nearest};
use crate::terminal::{Ink, Look, out};
use crate::words::counted;

/// The directory as it is now.
pub(super) struct Known {
    /// Empty where the configuration cannot be read.
    pub(super) directory: Arc<DirectorySnapshot>,
    /// Whether it could be read.
    pub(super) configured: bool,
}

/// Everything that is known of an agent and of who answers for it.
struct Owned {
    agent: Agent,
    owner: Option<Human>,
    /// The call whose facts say so, where the directory does not have the agent any more.
    from: Option<Entry>,
    /// What ended the agent's access.
    ended: Option<Entry>,
    calls: u64,
    first: Option<String>,
    last: Option<String>,
}

/// Says who.
pub(super) fn run(common: &Common, args: &OwnsArgs) -> Result<ExitCode, Fault> {
    let trace = trace_of(common)?;
    let reader = trace.reader_if_there()?;
    let known = match &reader {
        Some(reader) => known(common, reader)?,
        None => directory(common, Standing::default()),
    };
    let owned = owned(reader.as_ref().map(|reader| reader as &dyn LogReader), &known, &args.agent)?;
    if common.json {
        out(as_json(&owned));
    } else {
        lines(Look::stdout(), &TimeZone::system(), &owned).into_iter().for_each(out);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the directory says now, with what was changed since it was written.
pub(super) fn known(common: &Common, log: &dyn LogReader) -> Result<Known, Fault> {
    let standing = Standing::from_rows(log.state("standing").map_err(Fault::from)?);
    Ok(directory(common, standing))
}

/// `trace_of` has told already where a configuration is not in order.
fn directory(common: &Common, standing: Standing) -> Known {
    let loaded = Config::load(&common.config, &environment).map(|config| config.directory);
    let configured = loaded.is_ok();
    Known { directory: LiveDirectory::new(loaded.unwrap_or_default(), standing).snapshot(), configured }
}

fn owned(log: Option<&dyn LogReader>, known: &Known, id: &str) -> Result<Owned, Fault> {
    let listed = AgentId::parse(id).ok().and_then(|id| known.directory.agents.get(&id).cloned());
    let (agent, from) = match listed {
        Some(agent) => (Agent::clone(&agent), None),
        None => match log.map(|log| last_seen(log, id)).transpose()?.flatten() {
            Some((agent, entry)) => (agent, Some(entry)),
            None => {
                let hint = nearest(id, known.directory.agents.keys().map(AgentId::as_str));
                let said = format!("neither the directory nor the trace knows an agent `{id}`");
                return Err(Fault::new(Blame::Operator, "operator.no_agent", said).hint(hint));
            }
        },
    };
    let owner = known.directory.humans.get(&agent.owner).map(|owner| Human::clone(owner));
    let (mut calls, mut first, mut last, mut ended) = (0, None, None, None);
    if let Some(log) = log {
        let uses = log.uses(UseOf::Agent(id)).map_err(Fault::from)?;
        calls = uses.iter().map(|used| used.calls).sum();
        first = uses.iter().map(|used| used.first).min().map(rfc3339);
        last = uses.iter().map(|used| used.last).max().map(rfc3339);
        let whose = Whose::Agent(id, Some(agent.owner.as_str()));
        let window = trace::ready::Window { limit: 0, ..trace::ready::Window::default() };
        ended = trace::ready::access_ended(log, whose, &window).map_err(Fault::from)?.ended;
    }
    Ok(Owned { agent, owner, from, ended, calls, first, last })
}

/// The agent as its last call knew it.
fn last_seen(log: &dyn LogReader, id: &str) -> Result<Option<(Agent, Entry)>, Fault> {
    let query = Query { limit: 1, ..Query::default() }.of_kind(RecordKind::Intent).with(Field::Agent, id);
    let Some(entry) = log.find(&query).map_err(Fault::from)?.into_iter().next() else { return Ok(None) };
    let facts = entry.intent().and_then(|intent| intent.facts);
    let facts: Option<Value> = facts.and_then(|facts| serde_json::from_str(facts.get()).ok());
    let agent = facts.and_then(|mut facts| serde_json::from_value(facts.get_mut("agent")?.take()).ok());
    Ok(agent.map(|agent| (agent, entry)))
}

fn as_json(owned: &Owned) -> Value {
    json!({
        "agent": owned.agent,
        "in_directory": owned.from.is_none(),
        "owner": owned.owner,
        "owner_id": owned.agent.owner,
        "employed": owned.owner.as_ref().is_some_and(|owner| owner.active),
        "ended": owned.ended.as_ref().map(Entry::to_json),
        "calls": owned.calls,
        "first": owned.first,
        "last": owned.last,
    })
}

fn lines(look: Look, zone: &TimeZone, owned: &Owned) -> Vec<String> {
    let agent = &owned.agent;
    let standing = match (&owned.from, agent.active) {
        (Some(_), _) => look.paint(Ink::Red, "not in the directory any more"),
        (None, true) => look.paint(Ink::Green, "active"),
        (None, false) => look.paint(Ink::Red, "inactive"),
    };
    let mut lines = vec![format!("{} ({}): {standing}", plain(agent.id.as_str()), plain(&agent.name))];
    let mut say =
        |what: &str, said: String| lines.push(format!("{} {said}", look.paint(Ink::Dim, format_args!("{what:<10}"))));
    match &owned.owner {
        Some(owner) => {
            say("owner", person(owner));
            say("department", owner.department.as_deref().map_or_else(|| "not said".to_owned(), plain));
            say(
                "manager",
                owner.manager.as_ref().map_or_else(|| "not said".to_owned(), |id: &HumanId| plain(id.as_str())),
            );
            let employed =
                if owner.active { look.paint(Ink::Green, "yes") } else { look.paint(Ink::Red, "no, has left") };
            say("employed", employed);
        }
        None => {
            say("owner", plain(agent.owner.as_str()));
            say("employed", look.paint(Ink::Red, "no: not in the directory"));
        }
    }
    if let Some(ended) = &owned.ended {
        let change = ended.change();
        let what = change.as_ref().map(|change| plain(&change.what)).unwrap_or_default();
        let by = change.and_then(|change| change.by).unwrap_or_default();
        let at = local(ended.at, zone, "%Y-%m-%d %H:%M:%S");
        say("ended", format!("{at}: {what} by {} (#{})", plain(&by), ended.sequence));
    }
    match (&owned.first, &owned.last) {
        (Some(first), Some(last)) => {
            let calls = counted(usize::try_from(owned.calls).unwrap_or(usize::MAX), "call");
            say("used", format!("{calls}, from {first} to {last}"));
        }
        _ => say("used", "never".to_owned()),
    }
    if let Some(from) = &owned.from {
        say("known from", format!("its last call (#{})", from.sequence));
    }
    lines
}

fn person(owner: &Human) -> String {
    let about = [owner.role.as_deref(), owner.seniority.as_deref()];
    let about: Vec<String> = about.into_iter().flatten().map(plain).collect();
    let about = if about.is_empty() { String::new() } else { format!(", {}", about.join(", ")) };
    format!("{} ({}){about}", plain(&owner.name), plain(owner.id.as_str()))
}

#[cfg(test)]
mod tests;
