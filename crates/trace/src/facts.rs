//! The facts of a decision as JSON, and where in it stands what is of one call alone.
//!
//! People, agents and apps are written once for each snapshot of the directory and copied from then on.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;
use model::{Agent, App, Facts, Human};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::TraceError;
use crate::text::{is_address, write_number};

/// JSON of [`Facts`].
#[derive(Debug, Clone)]
pub struct FactsText {
    text: String,
    places: Option<Places>,
}

/// Where in the JSON of facts stands what other calls with the same tool do not share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// The time, and which one.
    pub(crate) now: Option<(Range<usize>, i64)>,
    /// The task. None: it is another than that of the record.
    pub(crate) task: Option<Range<usize>>,
    /// The address of a resource.
    pub(crate) tool: Option<Range<usize>>,
    /// What is said of arguments, and all behind it.
    pub(crate) arguments: Option<Range<usize>>,
}

/// What was written lately, as long as it is the same one.
struct Kept<T> {
    slots: Vec<Option<Written<T>>>,
}

/// One of them, and its JSON.
struct Written<T> {
    value: Arc<T>,
    text: Box<[u8]>,
}

struct AllKept {
    agents: Kept<Agent>,
    humans: Kept<Human>,
    apps: Kept<App>,
}

// === impl FactsText ===

impl FactsText {
    /// Writes the facts. Error: they cannot be written.
    pub fn of(facts: &Facts) -> Result<Self, TraceError> {
        let written = KEPT.with_borrow_mut(|kept| write(facts, kept)).map_err(|_| unwritten())?;
        let (text, places) = written;
        Ok(Self { text: String::from_utf8(text).map_err(|_| unwritten())?, places: Some(places) })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn places(&self) -> Option<&Places> {
        self.places.as_ref()
    }
}

impl From<Box<RawValue>> for FactsText {
    fn from(raw: Box<RawValue>) -> Self {
        Self { text: String::from(Box::<str>::from(raw)), places: None }
    }
}

// === impl Places ===

impl Places {
    /// The places in facts whose task is this JSON.
    pub(crate) fn found(facts: &str, task: &[u8]) -> Self {
        let mut places = Self::default();
        let mut done = 0;
        let behind = |done: usize| facts.as_bytes().get(done..).unwrap_or_default();
        if facts.starts_with(START)
            && let Some((length, now)) = leading_number(behind(START.len()))
        {
            done = START.len() + length;
            places.now = Some((START.len()..done, now));
        }
        if let Some(found) = TASK.find(behind(done))
            && behind(done + found + TASK.needle().len()).starts_with(task)
        {
            let start = done + found + TASK.needle().len();
            done = start + task.len();
            places.task = Some(start..done);
        }
        if let Some(found) = TOOL.find(behind(done)) {
            let start = done + found + TOOL.needle().len();
            if let Some(length) = CLASS.find(behind(start))
                && facts.get(start..start + length).is_some_and(is_address)
            {
                done = start + length;
                places.tool = Some(start..done);
            }
        }
        if let Some(found) = ARGUMENTS.find(behind(done)) {
            places.arguments = Some(done + found + ARGUMENTS.needle().len()..facts.len());
        }
        places
    }
}

// === impl Kept ===

impl<T: Serialize> Kept<T> {
    const fn new() -> Self {
        Self { slots: Vec::new() }
    }

    fn write(&mut self, out: &mut Vec<u8>, value: &Arc<T>) -> serde_json::Result<()> {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        // Where it lies in memory says which one it is, as long as it is held here.
        let place = (Arc::as_ptr(value).addr() / size_of::<T>().next_power_of_two()) % SLOTS;
        let Some(slot) = self.slots.get_mut(place) else { return serde_json::to_writer(out, value) };
        if let Some(known) = slot
            && Arc::ptr_eq(&known.value, value)
        {
            out.extend_from_slice(&known.text);
            return Ok(());
        }
        let text = serde_json::to_vec(value)?;
        out.extend_from_slice(&text);
        *slot = (text.len() <= TEXT_BYTES_MAX).then(|| Written { value: Arc::clone(value), text: text.into() });
        Ok(())
    }
}

/// INVARIANT: these are the bytes that `serde_json` gives (`facts_are_written_as_serde_writes_them`).
fn write(facts: &Facts, kept: &mut AllKept) -> serde_json::Result<(Vec<u8>, Places)> {
    // A field that is new is to be written here, too.
    let Facts { now, method, agent, human, task, app, tool, access, all_stopped, arguments, spent, approved, contract } =
        facts;
    let mut out = Vec::with_capacity(TEXT_BYTES);
    let mut places = Places::default();
    out.extend_from_slice(START.as_bytes());
    let start = out.len();
    write_number(&mut out, now.0);
    places.now = Some((start..out.len(), now.0));
    out.extend_from_slice(br#","method":""#);
    out.extend_from_slice(method.as_str().as_bytes());
    out.extend_from_slice(br#"","agent":"#);
    kept.agents.write(&mut out, agent)?;
    out.extend_from_slice(br#","human":"#);
    kept.humans.write(&mut out, human)?;
    out.extend_from_slice(br#","task":"#);
    let start = out.len();
    json::write_string(&mut out, task.as_str());
    places.task = Some(start..out.len());
    out.extend_from_slice(br#","app":"#);
    kept.apps.write(&mut out, app)?;
    out.extend_from_slice(br#","tool":"#);
    let start = out.len() + br#"{"name":"#.len();
    serde_json::to_writer(&mut out, tool)?;
    if is_address(tool.name.as_str()) {
        let mut name = Vec::new();
        json::write_string(&mut name, tool.name.as_str());
        places.tool = Some(start..start + name.len());
    }
    let word = |truth: bool| if truth { &b"true"[..] } else { b"false" };
    out.extend_from_slice(br#","access":"#);
    out.extend_from_slice(word(*access));
    out.extend_from_slice(br#","all_stopped":"#);
    out.extend_from_slice(word(*all_stopped));
    if !arguments.is_unread() {
        out.extend_from_slice(ARGUMENTS_KEY.as_bytes());
        let start = out.len();
        serde_json::to_writer(&mut out, arguments)?;
        places.arguments = Some(start..out.len());
    }
    if !spent.is_empty() {
        out.extend_from_slice(br#","spent":"#);
        serde_json::to_writer(&mut out, spent)?;
    }
    if !approved.is_empty() {
        out.extend_from_slice(br#","approved":"#);
        serde_json::to_writer(&mut out, approved)?;
    }
    if let Some(contract) = contract {
        out.extend_from_slice(br#","contract":"#);
        serde_json::to_writer(&mut out, contract)?;
    }
    out.push(b'}');
    if let Some(place) = &mut places.arguments {
        place.end = out.len();
    }
    Ok((out, places))
}

/// A whole number as we would write it at the start of these bytes, and how long it is.
fn leading_number(text: &[u8]) -> Option<(usize, i64)> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let digits = std::str::from_utf8(text.get(..end)?).ok()?;
    let number: i64 = digits.parse().ok()?;
    (digits == "0" || !digits.starts_with('0')).then_some((end, number))
}

fn unwritten() -> TraceError {
    TraceError::Malformed { what: "the facts cannot be written" }
}

thread_local! {
    static KEPT: RefCell<AllKept> =
        const { RefCell::new(AllKept { agents: Kept::new(), humans: Kept::new(), apps: Kept::new() }) };
}

const START: &str = r#"{"now":"#;
const ARGUMENTS_KEY: &str = r#","arguments":"#;
static TASK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#","task":"#));
static TOOL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#","tool":{"name":"#));
static CLASS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#","class":"#));
static ARGUMENTS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(ARGUMENTS_KEY));
/// Facts are rarely longer.
const TEXT_BYTES: usize = 1_000;
const SLOTS: usize = 64;
const TEXT_BYTES_MAX: usize = 2 << 10;

#[cfg(test)]
mod tests;
