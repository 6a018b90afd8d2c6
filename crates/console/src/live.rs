//! The first page: what happens now; and the stream that keeps it so.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use front::{Body, LongLived};
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use identity::people::Client;
use model::limits::CONSOLE_PAGE;
use model::{Fault, HumanId, Secret, Verdict};
use tokio_util::sync::CancellationToken;
use trace::{Entry, LogReader, Page, Query, RecordKind};

use crate::assets::Assets;
use crate::html::{Html, html};
use crate::page::{Place, Visitor, notice, page};
use crate::port::{Parts, Pulse};
use crate::reading;
use crate::sight::Sight;
use crate::streams::{StreamPlace, Turn};
use crate::table::{row, table};
use crate::words::sign;

/// The page.
pub(crate) async fn show(parts: &Arc<Parts>, assets: &Assets, visitor: &Visitor) -> Response<Body> {
    let query = Query { limit: CONSOLE_PAGE, ..Query::default() };
    let questions = visitor.sight.narrowed(&query.of_kind(RecordKind::Intent));
    let found = reading::ask(parts, move |reader| {
        let last = reader.last_sequence().map_err(Fault::from)?;
        Ok((Page::of(&questions, reader)?, last))
    });
    let now = parts.clock.now();
    let rows = match found.await {
        Ok((found, last)) => {
            let empty = html!(
                "<div class=\"empty\" id=\"nothing\"{}><h2>It is quiet</h2>\
                 <p>Calls appear here as agents make them.</p>\
                 <p><code>countersign token --agent AGENT --human PERSON</code> lets an agent in.</p></div>",
                if found.records.is_empty() { Html::default() } else { html!(" hidden") }
            );
            html!(
                "<section id=\"live\" data-events=\"/live?after={}\" aria-label=\"Newest calls\">{}{}</section>",
                last,
                table(&found.records, now, &parts.zone),
                empty
            )
        }
        Err(fault) => notice(&fault),
    };
    let pulse = visitor.sight.is_everything().then(|| tiles(&(parts.pulse)()));
    let about = if visitor.sight.is_everything() {
        "Every call, as it is decided."
    } else {
        "Calls made for you, by agents you answer for, and on apps you own, as they are decided."
    };
    let main = html!(
        "<div class=\"head\"><h1>Live</h1><p>{}</p><p class=\"state\" id=\"state\" role=\"status\"></p></div>{}{}",
        about,
        pulse,
        rows
    );
    page(assets, visitor, Place::Live, "Live", &main)
}

/// How much goes on, in figures.
fn tiles(pulse: &Pulse) -> Html {
    let count = |verdict: Verdict| pulse.decided.iter().find(|(of, _)| *of == verdict).map_or(0, |(_, count)| *count);
    let tile = |verdict: Verdict, name: &'static str| {
        html!(
            "<li><a class=\"{}\" href=\"/trace?q=verdict%3A{}\"><b>{}</b><span>{}{}</span></a></li>",
            verdict.as_str(),
            verdict.as_str(),
            grouped(count(verdict)),
            sign(verdict),
            name
        )
    };
    html!(
        "<ul class=\"tiles\" aria-label=\"Since the gateway started\"><li><div><b>{}</b><span>under way</span></div></li>{}{}{}{}{}</ul>",
        grouped(pulse.under_way),
        tile(Verdict::Allow, "allowed"),
        tile(Verdict::Redact, "redacted"),
        tile(Verdict::Hold, "held"),
        tile(Verdict::Defer, "deferred"),
        tile(Verdict::Deny, "refused")
    )
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// What a stream needs to go on by itself.
pub(crate) struct Watch {
    pub(crate) parts: Arc<Parts>,
    /// Whose page it is. What they see is asked of the directory each time.
    pub(crate) human: HumanId,
    pub(crate) token: Secret<String>,
    pub(crate) stop: CancellationToken,
    /// The place among the streams.
    pub(crate) place: StreamPlace,
    pub(crate) after: u64,
}

/// The stream of new rows, as server-sent events, until the session is over.
pub(crate) fn stream(watch: Watch) -> Response<Body> {
    let body = Events { next: Some(Box::pin(watch.first())) };
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.extensions_mut().insert(LongLived);
    response
}

type Step = Pin<Box<dyn Future<Output = Option<(Watching, Bytes)>> + Send>>;

struct Events {
    next: Option<Step>,
}

/// A stream under way.
struct Watching {
    watch: Watch,
    quiet: u32,
}

// === impl Watch ===

impl Watch {
    async fn first(self) -> Option<(Watching, Bytes)> {
        Some((Watching { watch: self, quiet: 0 }, Bytes::from_static(b"retry: 2000\n\n")))
    }

    fn may_go_on(&self) -> bool {
        self.parts.people.is_open(self.token.expose(), Client::Page)
    }

    /// The turn to look, where there is something new; nobody asks the trace otherwise.
    async fn turn(&self) -> Option<Turn> {
        if (self.parts.newest)() <= self.after { None } else { Some(self.place.turn().await) }
    }
}

// === impl Watching ===

impl Watching {
    /// Waits until there is something to say.
    async fn next(mut self) -> Option<(Self, Bytes)> {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.watch.stop.cancelled() => return None,
            }
            let turn = self.watch.turn().await;
            // INVARIANT: asked before anything is shown (test `a_page_that_is_open_ends_with_its_session`).
            if !self.watch.may_go_on() {
                return None;
            }
            let said = match turn {
                None => Ok(Some(String::new())),
                Some(mut turn) => {
                    let looked = tokio::task::spawn_blocking(move || {
                        let said = self.look(&mut turn);
                        if said.is_err() {
                            *turn = None;
                        }
                        (self, said)
                    });
                    let said;
                    (self, said) = looked.await.ok()?;
                    said
                }
            };
            self.quiet += 1;
            match said {
                Ok(None) => return None,
                Ok(Some(text)) if !text.is_empty() => {
                    self.quiet = 0;
                    return Some((self, Bytes::from(text)));
                }
                // A proxy that hears nothing for long hangs up.
                Ok(Some(_)) if self.quiet >= QUIET_LOOKS_MAX => {
                    self.quiet = 0;
                    return Some((self, Bytes::from_static(b": still here\n\n")));
                }
                Ok(Some(_)) => {}
                Err(fault) => {
                    tracing::debug!(?fault, "a page is not told of new records any more");
                    return None;
                }
            }
        }
    }

    /// What is new of what this person may see right now; none where they are not there any more.
    fn look(&mut self, turn: &mut Turn) -> Result<Option<String>, Fault> {
        let Watch { parts, human, after, .. } = &mut self.watch;
        let reader = match turn.take() {
            Some(reader) => turn.insert(reader),
            None => turn.insert((parts.open)()?),
        };
        let query = Query { after_sequence: Some(*after), newest_first: false, limit: NEWS_MAX, ..Query::default() };
        let news = reading::find(reader.as_ref(), &query)?;
        // INVARIANT: asked after the records, so that whatever changed before a call is known (test
        // `a_page_that_is_open_shows_no_more_than_the_person_may_see`).
        let directory = parts.directory.snapshot();
        let Some(human) = directory.humans.get(human).filter(|human| human.active) else { return Ok(None) };
        let sight = Sight::of(human, &directory, &parts.readers);
        let now = parts.clock.now();
        let mut text = String::new();
        for entry in &news {
            *after = entry.sequence;
            let shown = match entry.kind {
                RecordKind::Intent => Some(entry.clone()),
                RecordKind::Outcome => intent_of(reader.as_ref(), entry)?,
                RecordKind::Change => None,
            };
            if let Some(entry) = shown.filter(|entry| sight.sees(entry)) {
                event(&mut text, *after, &row(&entry, now, &parts.zone));
            }
        }
        Ok(Some(text))
    }
}

fn intent_of(reader: &dyn LogReader, outcome: &Entry) -> Result<Option<Entry>, Fault> {
    let of_call = reader.by_id(outcome.call.as_str()).map_err(Fault::from)?;
    Ok(of_call.into_iter().find(|entry| entry.kind == RecordKind::Intent))
}

fn event(to: &mut String, id: u64, row: &Html) {
    to.push_str(&format!("id: {id}\nevent: row\n"));
    for line in row.as_str().lines() {
        to.push_str(&format!("data: {line}\n"));
    }
    to.push('\n');
}

// === impl Events ===

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = front::BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        match next.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                self.next = None;
                Poll::Ready(None)
            }
            Poll::Ready(Some((watching, said))) => {
                self.next = Some(Box::pin(watching.next()));
                Poll::Ready(Some(Ok(Frame::data(said))))
            }
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(400);
const QUIET_LOOKS_MAX: u32 = 40;
/// Records that are told at once; of a gateway that is busier than anybody can read, the page falls behind.
const NEWS_MAX: usize = 100;
