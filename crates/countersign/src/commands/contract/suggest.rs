//! What a language model suggests for a draft: asked over the chat protocol that OpenAI made and others speak as well.
//!
//! What comes back is looked at by `contract::draft`, which keeps comments and no values. Here is the way there: the text of the
//! agreement leaves for one address that the operator names, over TLS unless it is this machine, and no answer leads anywhere else.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use broker::Source;
use contract::draft::{Ask, Draft, Suggested};
use http::header::HeaderValue;
use http::{StatusCode, Uri};
use model::limits::{SECRET_BYTES_MAX, SUGGESTION_ANSWER_BYTES_MAX};
use model::written::is_of_one_host;
use model::{Blame, Fault, Secret};
use private_file::Openness;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::DraftArgs;
use crate::clock::environment;
use crate::commands::trace::readable::plain;
use crate::outbound::{Answered, Outbound};
use crate::terminal::say;
use crate::words::counted;

/// What came of asking.
pub(super) struct Advice {
    /// What is left after everything was looked at.
    pub(super) suggested: Suggested,
    /// Where it was asked.
    host: String,
    /// What was dropped, and why.
    dropped: Vec<String>,
    /// Why it was not asked about all of it, or what it said could not be used.
    pub(super) failed: Option<String>,
}

/// Asks about each clause of a draft. Error: it cannot be asked at all as it was told to; nothing was sent.
pub(super) async fn ask(draft: &Draft, args: &DraftArgs, url: &Uri) -> Result<Advice, Fault> {
    let link = Link::new(args, url)?;
    let (asks, left_out) = Ask::all(draft);
    let host = link.host.clone();
    let (requests, clauses) = (counted(asks.len(), "request"), counted(draft.clauses.len(), "clause"));
    say(format_args!("the text of {clauses} of this agreement leaves for {host}, in {requests}"));
    let mut advice = Advice {
        suggested: Suggested { by: args.model_name.clone(), suggestions: Vec::new() },
        host,
        dropped: Vec::new(),
        failed: None,
    };
    if !left_out.is_empty() {
        let numbers: Vec<String> = left_out.iter().map(ToString::to_string).collect();
        advice.fails(format!("not asked about, for there is too much of it: {}", numbers.join(", ")));
    }
    for (place, ask) in asks.iter().enumerate() {
        say(format_args!("asking {} of {}: {}", place + 1, asks.len(), counted(ask.clauses(), "clause")));
        match link.ask(ask).await {
            Ok(answer) => advice.takes(ask, &answer),
            Err(fault) => {
                advice.fails(format!(
                    "{}; what it was not asked about is as it is without it",
                    plain(&fault.to_string())
                ));
                break;
            }
        }
    }
    Ok(advice)
}

// === impl Advice ===

impl Advice {
    fn takes(&mut self, ask: &Ask<'_>, answer: &str) {
        match ask.hear(answer) {
            Ok(heard) => {
                for why in heard.dropped {
                    say(format_args!("dropped: {}", plain(&why)));
                    self.dropped.push(why);
                }
                self.suggested.suggestions.extend(heard.suggestions);
            }
            Err(why) => self.fails(why),
        }
    }

    fn fails(&mut self, why: String) {
        say(format_args!("the model at {}: {why}", self.host));
        self.failed.get_or_insert(why);
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.suggested.by, "host": self.host, "checked": false, "suggestions": self.suggested.suggestions,
            "dropped": self.dropped, "failed": self.failed,
        })
    }
}

/// The way to a model.
struct Link {
    outbound: Outbound,
    host: String,
    name: String,
}

// === impl Link ===

impl Link {
    fn new(args: &DraftArgs, base: &Uri) -> Result<Self, Fault> {
        let (url, host) = address(base).map_err(|(said, hint)| wrong(said).hint(hint))?;
        let mut outbound =
            Outbound::to(url)?.within(Duration::from_secs(args.model_timeout), SUGGESTION_ANSWER_BYTES_MAX);
        if let Some(source) = &args.model_key {
            outbound = outbound.authorized(bearer(source)?);
        }
        Ok(Self { outbound, host, name: args.model_name.clone() })
    }

    /// The words of an answer. A model that knows no schema is asked once more, without one.
    async fn ask(&self, ask: &Ask<'_>) -> Result<String, Fault> {
        let schema = json!({
            "type": "json_schema",
            "json_schema": { "name": "clauses", "strict": true, "schema": Ask::answer_schema() },
        });
        let mut request = json!({ "model": self.name, "messages": ask.messages(), "response_format": schema });
        let mut answered = self.outbound.post("application/json", request.to_string()).await?;
        if matches!(answered.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY)
            && let Some(fields) = request.as_object_mut()
        {
            fields.remove("response_format");
            answered = self.outbound.post("application/json", request.to_string()).await?;
        }
        words(&answered)
    }
}

/// What a completion says. Error: blame `Upstream`.
fn words(answered: &Answered) -> Result<String, Fault> {
    let failed = |said: String| Fault::new(Blame::Upstream, "upstream.model", said);
    if answered.status.is_redirection() {
        return Err(failed(format!("it sends us elsewhere ({}), and nobody goes there", answered.status.as_u16())));
    }
    if answered.status != StatusCode::OK {
        return Err(failed(format!("it answers with {}", answered.status.as_u16())));
    }
    let strange = |error| failed("it answers with something else than a chat completion".to_owned()).because(error);
    let completion: Completion = serde_json::from_slice(&answered.body).map_err(strange)?;
    let choice = completion.choices.into_iter().next();
    let choice = choice.ok_or_else(|| failed("its completion has no choice".to_owned()))?;
    if choice.finish_reason.as_deref() == Some("length") {
        return Err(failed("its answer was cut off at its own limit".to_owned()));
    }
    choice.message.content.ok_or_else(|| failed("its completion says nothing".to_owned()))
}

/// What is read of a completion; there is more in it.
#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

/// Where completions are asked for below this address, and its host. Error: what is wrong with it, and the way out.
fn address(base: &Uri) -> Result<(Uri, String), (String, &'static str)> {
    const FORM: &str = "it takes an address like `https://models.example.org/v1`";
    let authority = base.authority().ok_or_else(|| (format!("`{base}` names no host"), FORM))?;
    if authority.as_str().contains('@') {
        return Err((
            "an address with a name or password in it is not taken".to_owned(),
            "name the key with `--model-key`",
        ));
    }
    // Of what cannot be told apart from a password nothing is shown.
    if !is_of_one_host(&base.to_string()) {
        return Err(("the address has a port that there is not, or an `@` behind its port".to_owned(), FORM));
    }
    if base.query().is_some() {
        return Err((format!("`{base}` has a query"), FORM));
    }
    let host = base.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match base.scheme_str() {
        Some("https") => {}
        Some("http") if here => {}
        Some("http") => {
            let said = format!("the agreement would go to `{host}` for everybody to read");
            return Err((said, "take `https`; plain `http` is for this machine only"));
        }
        _ => return Err((format!("`{base}` is no address of a model"), FORM)),
    }
    let whole = format!("{}/chat/completions", base.to_string().trim_end_matches('/'));
    let url = whole.parse::<Uri>().map_err(|_| (format!("`{base}` is no address of a model"), FORM))?;
    Ok((url, authority.to_string()))
}

/// The header that lets us in.
fn bearer(source: &str) -> Result<HeaderValue, Fault> {
    let source: Source = source.parse().map_err(wrong)?;
    let key = match &source {
        Source::Env(name) => {
            environment(name).map(Secret::new).ok_or_else(|| wrong(format!("the variable `{name}` is not set")))?
        }
        Source::File(path) => key_in(path)?,
        Source::Vault(_) => {
            let hint = "name it `env:NAME` or `file:PATH`";
            return Err(wrong("the vault keeps credentials of apps, and a model is none".to_owned()).hint(hint));
        }
    };
    let header = Secret::new(format!("Bearer {}", key.expose().trim()));
    let mut value = HeaderValue::from_str(header.expose())
        .map_err(|_| wrong(format!("what `{source}` holds is no key: it has signs that no header can carry")))?;
    value.set_sensitive(true);
    Ok(value)
}

fn key_in(path: &Path) -> Result<Secret<String>, Fault> {
    let found = private_file::open(path, Openness::Group, SECRET_BYTES_MAX as u64)?;
    let (file, about) = found.ok_or_else(|| wrong(format!("there is no file `{}`", path.display())))?;
    let content = private_file::content(path, file, &about)?;
    let text =
        std::str::from_utf8(content.expose()).map_err(|_| wrong(format!("`{}` holds no key", path.display())))?;
    Ok(Secret::new(text.to_owned()))
}

fn wrong(said: String) -> Fault {
    Fault::new(Blame::Operator, "operator.model", said)
}

#[cfg(test)]
mod tests;
