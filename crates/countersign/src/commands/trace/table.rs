//! Records as a table: `#12  10:00:03  ✓ allow   Invoice bot for Ana  CRM/find  the baseline permits reads  41 ms`.

use jiff::tz::TimeZone;
use model::{Observed, UnixMicros, Verdict};
use trace::{Entry, IntentView, RecordKind};

use super::readable::{Names, facts_of, local, plain, took, trouble};
use crate::terminal::{Ink, Look};

/// Lays records out in columns, which only ever grow: lines that come later stand under those before.
pub(super) struct Table {
    look: Look,
    zone: TimeZone,
    columns: Columns,
}

/// The widest cell of each column so far.
#[derive(Default, Clone, Copy)]
struct Columns {
    place: usize,
    time: usize,
    who: usize,
    what: usize,
    why: usize,
    took: usize,
}

/// One line before it has a width.
struct Row {
    place: String,
    time: String,
    sign: Sign,
    who: String,
    what: String,
    trouble: Option<String>,
    why: String,
    took: String,
}

enum Sign {
    Verdict(Verdict),
    Change,
    Ended,
}

impl Table {
    pub(super) fn new(look: Look, zone: TimeZone) -> Self {
        Self { look, zone, columns: Columns::default() }
    }

    /// One line for each record. Today's records show their time of day only.
    pub(super) fn lines(&mut self, entries: &[Entry], now: UnixMicros) -> Vec<String> {
        let rows: Vec<Row> = entries.iter().map(|entry| self.row(entry, now)).collect();
        for row in &rows {
            self.columns.admit(row);
        }
        let columns = self.look.width.map_or(self.columns, |width| self.columns.fitted(width));
        rows.iter().map(|row| self.line(row, columns)).collect()
    }

    fn row(&self, entry: &Entry, now: UnixMicros) -> Row {
        let day = |at| local(at, &self.zone, "%Y-%m-%d");
        let format = if day(entry.at) == day(now) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        let (place, time) = (format!("#{}", entry.sequence), local(entry.at, &self.zone, format));
        let row = Row {
            place,
            time,
            sign: entry.verdict.map_or(Sign::Change, Sign::Verdict),
            who: String::new(),
            what: String::new(),
            trouble: None,
            why: String::new(),
            took: String::new(),
        };
        let outcome = entry.outcome().filter(|_| entry.kind == RecordKind::Outcome);
        match (entry.intent(), entry.change(), outcome) {
            (Some(intent), ..) => self.call(row, entry, &intent),
            (_, Some(change), _) => Row {
                who: change.by.as_deref().map(plain).unwrap_or_default(),
                what: plain(&change.what),
                why: change.subject.as_deref().map(plain).unwrap_or_default(),
                ..row
            },
            (.., Some(outcome)) => Row {
                sign: Sign::Ended,
                what: plain(entry.call.as_str()),
                trouble: trouble(&outcome),
                why: outcome.status.as_str().to_owned(),
                took: took(outcome.took_us),
                ..row
            },
            _ => Row { trouble: Some("this record cannot be read".to_owned()), ..row },
        }
    }

    fn call(&self, row: Row, entry: &Entry, intent: &IntentView) -> Row {
        let names = Names::of(intent, &facts_of(intent));
        let outcome = entry.outcome();
        let more = intent.reasons.len().max(1) - 1;
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        Row {
            who: format!("{} for {}", names.agent, names.human),
            what: format!("{}/{}", names.app, plain(&intent.tool)),
            trouble: match &outcome {
                Some(outcome) => trouble(outcome),
                None => intent.verdict.runs().then(|| "no outcome yet".to_owned()),
            },
            why: match &intent.observed {
                Some(observed) => would(observed),
                None => format!("{}{more}", plain(intent.because())),
            },
            took: outcome.map(|outcome| took(outcome.took_us)).unwrap_or_default(),
            ..row
        }
    }

    fn line(&self, row: &Row, columns: Columns) -> String {
        let mut line = Line { look: self.look, left: self.look.width.unwrap_or(usize::MAX), text: String::new() };
        line.cell(&format!("{:>1$}", row.place, columns.place), columns.place, Some(Ink::Dim));
        line.cell(&row.time, columns.time, Some(Ink::Dim));
        line.sign(&row.sign);
        line.cell(&row.who, columns.who, None);
        line.cell(&row.what, columns.what, None);
        line.reason(row, columns.why);
        line.cell(&format!("{:>1$}", row.took, columns.took), columns.took, Some(Ink::Dim));
        line.text.trim_end().to_owned()
    }
}

/// What would have been decided, and why.
fn would(observed: &Observed) -> String {
    let why = observed.reasons.first().map(|reason| format!(": {}", plain(&reason.sentence))).unwrap_or_default();
    format!("observed, would be {}{why}", observed.verdict)
}

impl Row {
    fn reason_chars(&self) -> usize {
        let trouble = self.trouble.as_ref().map_or(0, |trouble| trouble.chars().count() + BETWEEN.len());
        trouble + self.why.chars().count()
    }
}

impl Columns {
    fn admit(&mut self, row: &Row) {
        let widen = |column: &mut usize, chars: usize| *column = (*column).max(chars);
        widen(&mut self.place, row.place.chars().count());
        widen(&mut self.time, row.time.chars().count());
        widen(&mut self.who, row.who.chars().count());
        widen(&mut self.what, row.what.chars().count());
        widen(&mut self.why, row.reason_chars());
        widen(&mut self.took, row.took.chars().count());
    }

    /// Narrower columns where a terminal asks for them: first the reason, then the longer of the two names.
    fn fitted(mut self, width: usize) -> Self {
        let fixed = self.place + self.time + SIGN_CHARS + self.took + 6 * GAP.len();
        let room = width.saturating_sub(fixed);
        let over = |columns: &Self| (columns.who + columns.what + columns.why).saturating_sub(room);
        self.why -= over(&self).min(self.why.saturating_sub(REASON_CHARS_MIN));
        while over(&self) > 0 && self.who.max(self.what) > NAME_CHARS_MIN {
            let longer = if self.who > self.what { &mut self.who } else { &mut self.what };
            *longer -= 1;
        }
        self.why -= over(&self).min(self.why);
        self
    }
}

/// A line in the making, never longer than what is left of the terminal.
struct Line {
    look: Look,
    left: usize,
    text: String,
}

impl Line {
    fn cell(&mut self, text: &str, chars: usize, ink: Option<Ink>) {
        let chars = chars.min(self.left);
        let shown = format!("{:<chars$}", self.cut(text, chars));
        self.put(&shown, chars, ink);
        self.gap();
    }

    fn cut(&self, text: &str, chars: usize) -> String {
        let bare = chars < MARK_CHARS_MAX;
        if bare { text.chars().take(chars).collect() } else { self.look.cut(text, chars) }
    }

    fn reason(&mut self, row: &Row, chars: usize) {
        let chars = chars.min(self.left);
        let mut left = chars;
        if let Some(trouble) = &row.trouble {
            let shown = self.cut(trouble, left);
            let used = shown.chars().count();
            self.put(&shown, used, Some(Ink::Red));
            left -= used;
            let between = if row.why.is_empty() || left <= BETWEEN.len() { "" } else { BETWEEN };
            self.put(between, between.len(), None);
            left -= between.len();
        }
        let shown = self.cut(&row.why, left);
        self.put(&format!("{shown:<left$}"), left, None);
        self.gap();
    }

    fn sign(&mut self, sign: &Sign) {
        if self.left < SIGN_CHARS {
            self.left = 0;
            return;
        }
        let shown = match sign {
            Sign::Verdict(verdict) => self.look.verdict(*verdict),
            Sign::Change => format!("{} change", if self.look.signs { "•" } else { "*" }),
            Sign::Ended => format!("{} ended ", if self.look.signs { "•" } else { "*" }),
        };
        self.put(&shown, SIGN_CHARS, None);
        self.gap();
    }

    fn put(&mut self, text: &str, chars: usize, ink: Option<Ink>) {
        match ink {
            Some(ink) if !text.trim().is_empty() => self.text.push_str(&self.look.paint(ink, text)),
            _ => self.text.push_str(text),
        }
        self.left = self.left.saturating_sub(chars);
    }

    fn gap(&mut self) {
        let gap = if self.left > GAP.len() { GAP } else { "" };
        self.put(gap, gap.len(), None);
    }
}

const GAP: &str = "  ";
const BETWEEN: &str = "; ";
/// `✓ redact`.
const SIGN_CHARS: usize = 8;
/// `...`, where the terminal has no sign for it.
const MARK_CHARS_MAX: usize = 3;
const REASON_CHARS_MIN: usize = 20;
const NAME_CHARS_MIN: usize = 12;
