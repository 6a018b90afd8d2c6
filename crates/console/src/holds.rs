//! Calls that wait for people: the inbox, one of them, and the answer to it.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use front::Body;
use http::{HeaderValue, Response};
use identity::people::SignedIn;
use jiff::tz::TimeZone;
use model::limits::CONSOLE_PAGE;
use model::{AgentId, AppId, Blame, CallId, Class, Fault, HoldId, HumanId, Method, Reason, UnixMicros};

use self::for_task::ForTaskView;
use crate::account::form_field;
use crate::assets::Assets;
use crate::edit::edits;
use crate::html::{Html, html};
use crate::page::{Place, Visitor, alone, capital, fault, go_to, notice, page};
use crate::passkey;
use crate::port::Parts;
use crate::proof::{self, Proof};
use crate::reading;
use crate::sign_in::Form;
use crate::story::{fields, is_empty, reason};
use crate::table::table;
use crate::words::{stretch, whole_moment};

pub(crate) mod for_task;

/// Calls that wait for people, and what people say to them.
pub trait Holds: Send + Sync {
    /// A page of what this person may see of what waits, and of what waited lately, in the order of [`HoldPlace`]: what stands
    /// behind this place, so many at most.
    fn inbox(&self, human: &HumanId, behind: Option<&HoldPlace>, most: usize) -> Inbox;

    /// One of them; none where there is none that this person may see.
    fn one(&self, human: &HumanId, id: &str) -> Option<HoldView>;

    /// One that waited and is over, without its arguments, as long as it is remembered; none where this person may not see it.
    fn over(&self, human: &HumanId, id: &str) -> Option<HoldView>;

    /// How the call stands that this address is of, for anybody who has the address; none where it is of none.
    fn status(&self, id: &str, code: &str) -> Option<HoldStatus>;

    /// What is approved for tasks, as far as this person may see it.
    fn for_tasks(&self, human: &HumanId) -> Vec<ForTaskView>;

    /// One of those who may approve such calls takes it back. Error: not this person, or it is none.
    fn revoke(&self, who: SignedIn, id: String) -> HoldsFuture<'_>;

    /// How many wait for this person's word. Every page says so: it is asked more often than anything else here.
    fn waiting(&self, human: &HumanId) -> usize;

    /// Who may approve one of them; nobody where there is none that this person may see.
    fn approvers(&self, human: &HumanId, id: &str) -> ApproversView;

    /// What a person says. Error: why it does not count.
    fn decide(&self, who: SignedIn, id: String, decision: Decision) -> HoldsFuture<'_>;
}

/// What deciding gives back.
pub type HoldsFuture<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

/// What a person says to a call that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may go, once.
    Approve {
        /// And such calls of its task, too.
        for_task: bool,
    },
    /// It may not; the agent is told why.
    Deny {
        /// Why, in the person's words.
        reason: Option<String>,
    },
}

/// A page of what a person may see.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    /// In the order of [`HoldPlace`].
    pub holds: Vec<HoldView>,
    /// Whether more stand behind the last of them.
    pub more: bool,
}

/// Where a call stands among those that a person sees: first what they may decide, then what waits for others, then what is over;
/// of each the most urgent first. It keeps its place while others come and go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldPlace {
    rank: u8,
    expires: UnixMicros,
    id: String,
}

/// A call that waits, or waited, as a page shows it.
#[derive(Debug, Clone)]
pub struct HoldView {
    /// Its id.
    pub id: String,
    /// Where it stands among others.
    pub place: HoldPlace,
    /// The call that was held.
    pub call: CallId,
    /// Who and what it is of, by id.
    pub ids: HoldIds,
    /// Why it does not run whoever says yes: somebody has left or is suspended.
    pub does_not_run: Option<String>,
    /// Where it stands: `pending`, `approved`, `denied`, `expired`, …
    pub state: &'static str,
    /// What came of it, where it has ended: `approved-executed`, …
    pub disposition: Option<&'static str>,
    /// The name of who asks.
    pub agent: String,
    /// The name of the person it asks for.
    pub human: String,
    /// In which task.
    pub task: String,
    /// The app, by name.
    pub app: String,
    /// The tool.
    pub tool: String,
    /// What it can do at worst.
    pub class: Class,
    /// Why it is held.
    pub reasons: Vec<Reason>,
    /// The arguments, JSON, shared with the call that waits; none where there are none.
    pub arguments: Option<Bytes>,
    /// Whether this person sees the arguments: whoever decides does, and for whom it is.
    pub withheld: bool,
    /// What an approval for its task would be of, by name; empty: exactly these arguments. None: it is approved by itself only.
    pub for_task: Option<Vec<(String, String)>>,
    /// What the agent says about it. Nobody has verified it.
    pub said: Option<String>,
    /// Since when it waits.
    pub opened: UnixMicros,
    /// Until when.
    pub expires: UnixMicros,
    /// Whose approvals count, and since when.
    pub approvals: Vec<(String, UnixMicros)>,
    /// Who has said no; none where nobody has.
    pub denied: Option<DeniedView>,
    /// How many have to, with those, at the least: each rule that holds it wants its own.
    pub needed: usize,
    /// Owners of the app and manager of the person, in the form of a call's facts: by whom `owner-of-app` is told.
    pub facts: serde_json::Value,
    /// Whether the person who looks may decide; why not.
    pub may_decide: Result<(), String>,
}

/// Who may approve a call that waits, by name.
#[derive(Debug, Clone, Default)]
pub struct ApproversView {
    /// Those who may now.
    pub eligible: Vec<String>,
    /// Those of them who are asked more often than is good.
    pub overloaded: Vec<String>,
}

/// A person's no, as a page shows it.
#[derive(Debug, Clone)]
pub struct DeniedView {
    /// The name of who said it.
    pub by: String,
    /// When.
    pub at: UnixMicros,
    /// Why, in their words.
    pub reason: Option<String>,
}

/// How a call stands that waits, or waited, for whoever has the address of its page: nothing of what it is.
#[derive(Debug, Clone)]
pub struct HoldStatus {
    /// Its id.
    pub id: String,
    /// Where it stands: `pending`, `approved`, `denied`, `expired`, …
    pub state: &'static str,
    /// What came of it, where it has ended.
    pub disposition: Option<&'static str>,
    /// Since when it waits.
    pub opened: UnixMicros,
    /// Until when.
    pub expires: UnixMicros,
}

/// Who and what a call that waits is of, by id.
#[derive(Debug, Clone)]
pub struct HoldIds {
    /// Who asks.
    pub agent: AgentId,
    /// For whom.
    pub human: HumanId,
    /// On which app.
    pub app: AppId,
    /// What kind of thing.
    pub method: Method,
}

// === impl HoldPlace ===

impl HoldPlace {
    /// Where this one stands.
    pub fn of(id: &HoldId, pending: bool, may_decide: bool, expires: UnixMicros) -> Self {
        let rank = match (pending, may_decide) {
            (true, true) => YOURS,
            (true, false) => OTHERS,
            (false, _) => OVER,
        };
        Self { rank, expires, id: id.to_string() }
    }

    /// The place that a page named. Error: none did. Blame: the caller.
    pub(crate) fn read(written: &str) -> Result<Self, Fault> {
        let parts = || {
            let (rank, rest) = written.split_once('.')?;
            let (expires, id) = rest.split_once('.')?;
            let rank = rank.parse().ok().filter(|rank| *rank <= OVER)?;
            Some(Self { rank, expires: UnixMicros(expires.parse().ok()?), id: HoldId::parse(id).ok()?.to_string() })
        };
        parts().ok_or_else(|| {
            let said = format!("`cursor` does not take `{written}`: it takes the `next` of a page");
            Fault::new(Blame::Caller, "caller.parameter", said)
        })
    }
}

impl fmt::Display for HoldPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.rank, self.expires.0, self.id)
    }
}

// === impl HoldView ===

impl HoldView {
    fn is_pending(&self) -> bool {
        self.place.rank != OVER
    }

    fn is_for_you(&self) -> bool {
        self.place.rank == YOURS
    }

    /// The arguments, as text.
    pub(crate) fn arguments_text(&self) -> Option<Cow<'_, str>> {
        self.arguments.as_deref().map(String::from_utf8_lossy)
    }
}

/// The inbox.
pub(crate) fn inbox(parts: &Parts, assets: &Assets, visitor: &Visitor, cursor: &str) -> Response<Body> {
    let behind = match (!cursor.is_empty()).then(|| HoldPlace::read(cursor)).transpose() {
        Ok(behind) => behind,
        Err(wrong) => return fault(assets, Some(visitor), &wrong),
    };
    let seen = parts.holds.as_ref().map(|holds| holds.inbox(&visitor.human.id, behind.as_ref(), CONSOLE_PAGE));
    let Inbox { holds, more } = seen.unwrap_or_default();
    let now = parts.clock.now();
    let list = |title: &'static str, some: Vec<&HoldView>| {
        let cards: Html = some.iter().map(|hold| card(hold, now)).collect();
        (!some.is_empty()).then(|| html!("<section><h2>{}</h2><ul class=\"holds\">{}</ul></section>", title, cards))
    };
    let (yours, rest): (Vec<_>, Vec<_>) = holds.iter().partition(|hold| hold.is_for_you());
    let (others, done): (Vec<_>, Vec<_>) = rest.into_iter().partition(|hold| hold.is_pending());
    let quiet = (yours.is_empty() && behind.is_none()).then(|| {
        html!(
            "<div class=\"empty\"><h2>Nothing waits for you</h2>\
             <p>A call that a rule holds appears here for those who may approve it. A rule holds with \
             <code>@outcome(\"hold\")</code>, or <code>require_approval</code> in a platform policy.</p></div>"
        )
    });
    let last = holds.last().filter(|_| more).map(|hold| hold.place.to_string());
    let next = last.map(|place| {
        html!("<p class=\"more\"><a class=\"button\" href=\"/holds?cursor={}\" rel=\"next\">More</a></p>", place)
    });
    let main = html!(
        "<div class=\"head\"><h1>Holds</h1><p>Calls that run only if somebody says yes. \
         <a href=\"/emergency\">Emergencies</a></p></div>{}{}{}{}{}{}",
        list("For you to decide", yours),
        quiet,
        list("Waiting for others", others),
        list("Lately", done),
        next,
        for_task::list(parts, visitor)
    );
    page(assets, visitor, Place::Holds, "Holds", &main)
}

fn card(hold: &HoldView, now: UnixMicros) -> Html {
    let first = hold.reasons.first().map(|reason| capital(&reason.sentence));
    let why = hold.does_not_run.as_deref().filter(|_| hold.is_pending()).map(still).or(first);
    html!(
        "<li class=\"hold {}\"><a href=\"/holds/{}\"><b>{}<i>/</i>{}</b></a> <span class=\"class {}\">{}</span>\
         <p><b>{}</b> for {}</p><p class=\"quiet\">{}</p><p class=\"left\">{}</p></li>",
        hold.state,
        hold.id,
        hold.app,
        hold.tool,
        hold.class.as_str(),
        hold.class.as_str(),
        hold.agent,
        hold.human,
        why,
        standing(hold, now)
    )
}

/// That nothing comes of a yes, as things stand.
fn still(why: &str) -> String {
    format!("It does not run as things stand: {why}")
}

/// How long is left, or what came of it.
fn standing(hold: &HoldView, now: UnixMicros) -> String {
    match (hold.state, hold.disposition) {
        ("pending", _) => format!("{} left", stretch(hold.expires.since(now))),
        (_, Some("approved-executed")) => "approved, and executed".to_owned(),
        (_, Some("denied-not-executed")) => "denied, nothing was executed".to_owned(),
        (_, Some("execution-error")) => "approved, and failed".to_owned(),
        (_, Some("outcome-unknown")) => "approved; whether it was executed is unknown".to_owned(),
        ("approved", _) => "approved, and waits for its agent to come back".to_owned(),
        (state, _) => state.to_owned(),
    }
}

/// The page that an agent's user is shown: it says where a call stands, and nothing can be done there.
pub(crate) fn status(parts: &Parts, assets: &Assets, id: &str, code: &str) -> Response<Body> {
    let Some(hold) = parts.holds.as_ref().and_then(|holds| holds.status(id, code)) else {
        let unknown = Fault::new(Blame::Caller, "caller.unknown_path", "this address is of no call that waits");
        return fault(assets, None, &unknown);
    };
    let (title, said) = match (hold.state, hold.disposition) {
        ("pending", _) => ("Waits for approval", "Another person has to approve this call. Nothing was executed yet."),
        ("approved", _) => ("Approved", "It is decided once more, and then carried out once."),
        ("claimed", _) => ("Approved", "It is being carried out."),
        ("denied", _) => ("Denied", "A person said no. Nothing was executed."),
        ("expired", _) => ("Its time is over", "Nothing was executed."),
        ("cancelled", _) => ("Taken back", "Nothing was executed."),
        (_, Some("approved-executed")) => ("Done", "It was approved, and executed once."),
        (_, Some("execution-error")) => ("Failed", "It was approved, and it failed."),
        (_, Some("denied-not-executed")) => {
            ("Refused", "It was approved and refused all the same. Nothing was executed.")
        }
        _ => ("Outcome unknown", "It was approved and sent, and nobody knows what came of it."),
    };
    let waits = matches!(hold.state, "pending" | "approved" | "claimed");
    let until = waits.then(|| html!(" It waits until {} at most.", whole_moment(hold.expires, &parts.zone)));
    let main = html!(
        "<h1>{}</h1><p role=\"status\">{}</p><p>Asked for {}.{}</p>\
         <p class=\"hint\">This page says where the call stands, and nothing can be done here. \
         <a href=\"/holds/{}\">Sign in</a> to see it.</p>",
        title,
        said,
        whole_moment(hold.opened, &parts.zone),
        until,
        hold.id
    );
    let mut response = alone(assets, title, &main);
    if waits {
        response.headers_mut().insert("refresh", HeaderValue::from_static(LOOK_AGAIN_SECONDS));
    }
    response
}

/// One of them.
pub(crate) async fn one(
    parts: &Arc<Parts>,
    assets: &Assets,
    visitor: &Visitor,
    id: &str,
    wrong: Option<&Fault>,
) -> Response<Body> {
    let Some(hold) = parts.holds.as_ref().and_then(|holds| holds.one(&visitor.human.id, id)) else {
        if let Some(wrong) = wrong {
            return fault(assets, Some(visitor), wrong);
        }
        // What has ended stands in the trace, with the call that was held.
        return match id.strip_prefix("h_").filter(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            Some(rest) => go_to(&format!("/calls/c_{rest}")),
            None => fault(assets, Some(visitor), &no_such(id)),
        };
    };
    let approvers = parts.holds.as_ref().map(|holds| holds.approvers(&visitor.human.id, id)).unwrap_or_default();
    let before = before(parts, visitor, &hold).await;
    let why: Html = hold.reasons.iter().map(|one| reason(one, &hold.facts)).collect();
    let said = hold.said.as_deref().map(|said| {
        section("What the agent says (nobody has verified it)", &html!("<blockquote>{}</blockquote>", said))
    });
    let stands = hold.does_not_run.as_deref().filter(|_| hold.is_pending());
    let stands = stands.map(|why| html!("<div class=\"notice\"><p>{}.</p></div>", still(why)));
    let main = html!(
        "{}{}{}<div class=\"hold-page\"><div>{}{}{}{}</div><aside aria-label=\"Your answer\">{}</aside></div>{}",
        head(&hold, &parts.zone, parts.clock.now()),
        wrong.map(notice),
        stands,
        section("With", &arguments(&hold)),
        section("Why it is held", &why),
        said,
        section(
            if hold.denied.is_some() { "Who said no" } else { "Who says yes" },
            &approvals(&hold, &approvers, &parts.zone)
        ),
        decision(parts, &hold, visitor),
        before
    );
    let title = format!("{}/{}", hold.app, hold.tool);
    let mut response = page(assets, visitor, Place::Holds, &title, &main);
    if let Some(wrong) = wrong {
        *response.status_mut() = front::status_of(wrong);
    }
    response
}

fn head(hold: &HoldView, zone: &TimeZone, now: UnixMicros) -> Html {
    let would = match hold.class {
        Class::Read => "would read something in",
        Class::Write => "would change something in",
        Class::External => "would reach people or systems outside, through",
        Class::Destructive => "could destroy something in",
    };
    html!(
        "<div class=\"head story-head hold\"><p class=\"crumbs\"><a href=\"/holds\" data-up>Holds</a></p>\
         <h1><span>{}</span><i>/</i>{}</h1><p class=\"because\">{} {} {}, for {}.</p>\
         <p class=\"by\">{}, since {}. In the task <code>{}</code>. <a href=\"/calls/{}\">The call's story</a></p></div>",
        hold.app,
        hold.tool,
        hold.agent,
        would,
        hold.app,
        hold.human,
        capital(&standing(hold, now)),
        whole_moment(hold.opened, zone),
        hold.task,
        hold.call
    )
}

/// Approve and deny, of equal weight; either takes proof that it is the person, just now.
fn decision(parts: &Parts, hold: &HoldView, visitor: &Visitor) -> Html {
    if !hold.is_pending() {
        return Html::default();
    }
    if let Err(why) = &hold.may_decide {
        return html!("<div class=\"notice\"><p>You cannot decide this: {}.</p></div>", why);
    }
    let with_passkey = |say: &'static str, name: &'static str| {
        passkey::button(parts, &passkey::deciding(visitor, &hold.id, say), say, name)
    };
    let accounts = parts.people.accounts();
    let has_one = accounts.iter().any(|account| account.human == visitor.human.id && !account.passkeys.is_empty());
    let keys = has_one.then(|| {
        html!(
            "<div class=\"buttons keys\">{}{}</div>",
            with_passkey("approve", "Approve with a passkey"),
            with_passkey("deny", "Deny with a passkey")
        )
    });
    let proof = Proof::asked(parts, visitor, &place(&hold.id), "password");
    let answer = html!(
        "<div class=\"field\"><label for=\"reason\">Where you deny it: why, for the agent <small>(may be left out)</small></label>\
         <input id=\"reason\" name=\"reason\" maxlength=\"1000\" autocomplete=\"off\"></div>\
         <div class=\"buttons\"><button name=\"say\" value=\"approve\">Approve this call, once</button>\
         <button name=\"say\" value=\"deny\">Deny this call</button></div>{}",
        for_task(hold)
    );
    html!(
        "<form class=\"decide\" method=\"post\" action=\"/holds/{}\">{}{}{}{}{}{}</form>",
        hold.id,
        form_field(visitor),
        proof.fields,
        proof.buttons(answer),
        passkey::fields(),
        keys,
        proof.way
    )
}

/// The further-reaching yes, with what it would be of.
fn for_task(hold: &HoldView) -> Option<Html> {
    let values = hold.for_task.as_ref()?;
    let of: Html =
        values.iter().map(|(name, value)| html!("<li><code>{}</code> = <b>{}</b></li>", name, value)).collect();
    let of = match values.is_empty() {
        true => html!("<p>Calls with exactly these arguments, again.</p>"),
        false => html!(
            "<p>Calls of the same tool with this value, whatever else they say:</p><ul class=\"plain\">{}</ul>",
            of
        ),
    };
    Some(html!(
        "<details><summary>Approve it for the rest of its task</summary>{}<p class=\"quiet\">By {} for {}, in this task only. \
         They run without asking anybody, until the time for that is over or somebody takes it back.</p>\
         <button name=\"say\" value=\"approve-for-task\">Approve for this task</button></details>",
        of,
        hold.agent,
        hold.human
    ))
}

fn arguments(hold: &HoldView) -> Html {
    match (hold.arguments_text().as_deref(), hold.withheld) {
        (_, true) => html!("<p>The arguments are shown to those who may approve, and to the person it is for.</p>"),
        (None, _) => html!("<p>Without arguments.</p>"),
        (Some(raw), _) if is_empty(raw) => html!("<p>Without arguments.</p>"),
        (Some(raw), _) => {
            let whole = html!("<details><summary>Byte for byte</summary><pre>{}</pre></details>", raw);
            html!("{}{}{}", edits(raw), fields(raw), whole)
        }
    }
}

fn approvals(hold: &HoldView, approvers: &ApproversView, zone: &TimeZone) -> Html {
    let given: Html = hold
        .approvals
        .iter()
        .map(|(who, at)| html!("<li><b>{}</b> approved, {}</li>", who, whole_moment(*at, zone)))
        .collect();
    let denied = hold.denied.as_ref().map(|no| {
        let reason = no.reason.as_ref().map(|reason| html!("<blockquote>{}</blockquote>", reason));
        html!("<p><b>{}</b> denied it, {}. Nothing was executed.</p>{}", no.by, whole_moment(no.at, zone), reason)
    });
    let may = hold.is_pending().then(|| match approvers.eligible.as_slice() {
        [] => "Nobody can approve it as things stand.".to_owned(),
        names => format!("May approve: {}.", names.join(", ")),
    });
    let overloaded = (hold.is_pending() && !approvers.overloaded.is_empty())
        .then(|| html!("<p class=\"quiet\">Asked too often of late: {}.</p>", approvers.overloaded.join(", ")));
    html!(
        "{}<p>{} of {} approvals. {}</p>{}<ul class=\"plain\">{}</ul>",
        denied,
        hold.approvals.len(),
        hold.needed,
        may,
        overloaded,
        given
    )
}

async fn before(parts: &Arc<Parts>, visitor: &Visitor, hold: &HoldView) -> Option<Html> {
    let (sight, task, at) = (visitor.sight.clone(), hold.task.clone(), hold.opened);
    let mut before =
        reading::ask(parts, move |reader| reading::before_in_task(reader, &task, at, &sight)).await.ok()?;
    // It was decided a moment before it began to wait.
    before.retain(|entry| entry.call != hold.call);
    (!before.is_empty()).then(|| {
        html!("<section><h2>What this task did before</h2>{}</section>", table(&before, parts.clock.now(), &parts.zone))
    })
}

/// What the form on that page sends: only the signed-in person's own proof, just now, decides.
pub(crate) async fn decide(
    parts: &Arc<Parts>,
    assets: &Assets,
    visitor: &Visitor,
    from: Option<IpAddr>,
    id: &str,
    form: &mut Form,
) -> Response<Body> {
    let Some(holds) = &parts.holds else { return fault(assets, Some(visitor), &no_such(id)) };
    let reason = Some(form.take("reason")).map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    let say = form.take("say");
    let decision = match say.as_str() {
        "approve" => Decision::Approve { for_task: false },
        "approve-for-task" => Decision::Approve { for_task: true },
        "deny" => Decision::Deny { reason },
        _ => {
            let neither = Fault::new(Blame::Caller, "caller.form", "the form says neither yes nor no");
            return fault(assets, Some(visitor), &neither);
        }
    };
    let (place, purpose) = (place(id), passkey::deciding(visitor, id, &say));
    let decided = match proof::take(parts, visitor, from, form, (&place, &purpose)).await {
        Ok(who) => holds.decide(who, id.to_owned(), decision).await,
        Err(wrong) => Err(wrong),
    };
    match decided {
        Ok(()) => go_to(&place),
        Err(wrong) => one(parts, assets, visitor, id, Some(&wrong)).await,
    }
}

/// The page of one of them.
fn place(id: &str) -> String {
    format!("/holds/{id}")
}

fn section(title: &'static str, content: &Html) -> Html {
    html!("<section class=\"card\"><h2>{}</h2>{}</section>", title, content)
}

fn no_such(id: &str) -> Fault {
    Fault::new(Blame::Caller, "caller.unknown_path", format!("nothing waits as `{id}`, or not for you"))
}

/// How often the page that says where a call stands is loaded again.
const LOOK_AGAIN_SECONDS: &str = "5";
/// The ranks of a place.
const YOURS: u8 = 0;
const OTHERS: u8 = 1;
const OVER: u8 = 2;

#[cfg(test)]
mod tests;
