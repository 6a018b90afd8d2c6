//! Requests to pages.

use std::net::IpAddr;
use std::sync::Arc;

use front::{Body, Exchange, Peer, Strangers, Wire, WireFuture, is_known};
use http::request::Parts as Head;
use http::{HeaderValue, Method, Response, StatusCode, header};
use identity::people::{Client, same_form_token};
use model::limits::STRANGERS_IN_FLIGHT_MAX;
use model::{Blame, Fault};
use tokio_util::sync::CancellationToken;

use crate::assets::Assets;
use crate::cookie::Cookies;
use crate::guard::{from_another_site, harden, place_of_ours, same_origin};
use crate::live::Watch;
use crate::page::{Visitor, fault, go_to};
use crate::port::Parts;
use crate::provider::{self, PROVIDER_BACK};
use crate::sent::Sent;
use crate::sight::Sight;
use crate::sign_in::Form;
use crate::streams::Streams;
use crate::{account, arap, contracts, emergency, holds, live, records, sign_in, story, trail};

/// The pages, as a wire of a listener of their own.
pub struct ConsoleWire {
    parts: Arc<Parts>,
    assets: Assets,
    cookies: Cookies,
    streams: Arc<Streams>,
    /// Of those who sign in.
    strangers: Arc<Strangers>,
    stop: CancellationToken,
}

impl ConsoleWire {
    /// Pages made of these parts. Streams end when `stop` says so.
    pub fn new(parts: Parts, stop: CancellationToken) -> Self {
        let cookies = Cookies::new(parts.secure, parts.port);
        let strangers = Arc::new(Strangers::new(STRANGERS_IN_FLIGHT_MAX));
        Self { parts: Arc::new(parts), assets: Assets::new(), cookies, streams: Arc::default(), strangers, stop }
    }

    async fn respond(&self, exchange: Exchange) -> Response<Body> {
        let Exchange { request, place } = exchange;
        let (head, body) = request.into_parts();
        let body = Sent::new(body, place);
        if let Some(asset) = self.assets.serve(head.uri.path()) {
            return asset;
        }
        if head.uri.path().starts_with(arap::UNDER) {
            return arap::answer(&self.parts, &head, body, peer(&head)).await;
        }
        if matches!(head.uri.path(), records::TRACE | records::METRICS) {
            return records::answer(&self.parts, &head).await;
        }
        if let Err(refused) = same_origin(&head.method, &head.headers) {
            return fault(&self.assets, None, &refused);
        }
        match head.method {
            Method::GET | Method::HEAD => self.get(&head).await,
            Method::POST => self.post(&head, body).await,
            _ => fault(&self.assets, None, &Fault::new(Blame::Caller, "caller.method", "pages take GET and POST")),
        }
    }

    async fn get(&self, head: &Head) -> Response<Body> {
        let path = head.uri.path();
        let mut asked = Form::parse(head.uri.query().unwrap_or_default().as_bytes());
        match path {
            "/welcome" => return sign_in::welcome(&self.parts, &self.assets, &asked.take("code"), None),
            "/sign-in" => return sign_in::show(&self.parts, &self.assets, &asked.take("next"), "", None),
            PROVIDER_BACK => {
                return provider::back(&self.parts, &self.assets, &self.cookies, head, peer(head)).await;
            }
            provider::BEGIN => return self.to_provider(head, &mut asked).await,
            _ => {}
        }
        let words: Vec<&str> = path.split('/').skip(1).collect();
        if let ["status", id, code] = words.as_slice() {
            return holds::status(&self.parts, &self.assets, id, code);
        }
        let Some(visitor) = self.visitor(head).await else { return self.stranger(head) };
        let (parts, assets) = (&self.parts, &self.assets);
        match path {
            "/" => live::show(parts, assets, &visitor).await,
            "/live" => self.stream(visitor, head, &mut asked),
            "/trace" => {
                let asked = trail::Asked { question: asked.take("q"), before: asked.take("before").parse().ok() };
                trail::show(parts, assets, &visitor, &asked).await
            }
            "/holds" => holds::inbox(parts, assets, &visitor, &asked.take("cursor")),
            "/emergency" => emergency::show(parts, assets, &visitor, None),
            "/contracts" => contracts::list(parts, assets, &visitor).await,
            "/account" => account::show(parts, assets, &visitor, None),
            _ => self.get_one(&visitor, path, &mut asked).await,
        }
    }

    async fn get_one(&self, visitor: &Visitor, path: &str, asked: &mut Form) -> Response<Body> {
        let (parts, assets) = (&self.parts, &self.assets);
        let words: Vec<&str> = path.split('/').skip(1).collect();
        match words.as_slice() {
            ["calls", id] => story::show(parts, assets, visitor, id, !asked.take("verify").is_empty()).await,
            ["calls", id, "receipts", sequence] => {
                let sequence = sequence.parse().unwrap_or_default();
                let receipt = story::receipt(parts, visitor, id, sequence).await;
                receipt.unwrap_or_else(|error| fault(assets, Some(visitor), &error))
            }
            ["holds", id] => holds::one(parts, assets, visitor, id, None).await,
            ["contracts", id] => contracts::one(parts, assets, visitor, id).await,
            _ => fault(assets, Some(visitor), &nothing_at(path)),
        }
    }

    /// The way to the identity provider, from a page of ours: nobody is sent there by another site.
    async fn to_provider(&self, head: &Head, asked: &mut Form) -> Response<Body> {
        let (parts, assets, next) = (&self.parts, &self.assets, asked.take("next"));
        if from_another_site(&head.headers) {
            return sign_in::show(parts, assets, &next, "", None);
        }
        let prove = !asked.take("prove").is_empty();
        let visitor = if prove { self.visitor(head).await } else { None };
        match (prove, visitor) {
            (true, None) => self.stranger(head),
            (_, visitor) => {
                let who = visitor.as_ref().map(|visitor| &visitor.signed_in);
                provider::begin(parts, assets, &self.cookies.errand, who, &next).await
            }
        }
    }

    async fn post(&self, head: &Head, body: Sent) -> Response<Body> {
        let (parts, assets) = (&self.parts, &self.assets);
        let path = head.uri.path();
        let visitor = if is_way_in(path) { None } else { self.visitor(head).await };
        if visitor.is_none() && !is_way_in(path) {
            return self.stranger(head);
        }
        let mut form = match form(head, body).await {
            Ok(form) => form,
            Err(error) => return fault(assets, visitor.as_ref(), &error),
        };
        // INVARIANT: a form may be a while on its way, and counts only in a session that is open then
        // (test `what_is_sent_to_its_end_after_the_session_has_ended_does_nothing`).
        if visitor.as_ref().is_some_and(|visitor| !parts.people.is_open(visitor.token.expose(), Client::Page)) {
            return self.stranger(head);
        }
        let from = peer(head);
        let Some(visitor) = visitor else {
            return match path {
                "/sign-in" => sign_in::accept(parts, assets, (&self.cookies, head), from, &mut form).await,
                _ => sign_in::choose(parts, assets, &self.cookies, from, &mut form).await,
            };
        };
        // INVARIANT: before anything is done (test `a_form_of_another_session_does_nothing`).
        if !same_form_token(visitor.token.expose(), &form.take("form")) {
            let said = "the form is not of a page of this session";
            let refused = Fault::new(Blame::Caller, "caller.origin", said).hint("open the page again");
            return fault(assets, Some(&visitor), &refused);
        }
        let words: Vec<&str> = path.split('/').skip(1).collect();
        match words.as_slice() {
            ["account", "passkeys"] => account::add_passkey(parts, assets, &visitor, from, &mut form).await,
            ["account", "terminal"] => account::lend_code(parts, assets, &visitor),
            ["account", "passkeys", "remove"] => account::remove_passkey(parts, assets, &visitor, &mut form).await,
            ["emergency"] => emergency::act(parts, assets, &visitor, from, &mut form).await,
            ["sign-out"] => self.sign_out(&visitor).await,
            ["holds", id, "revoke"] => holds::for_task::revoke(parts, assets, &visitor, id).await,
            ["holds", id] => holds::decide(parts, assets, &visitor, from, id, &mut form).await,
            _ => fault(assets, Some(&visitor), &nothing_at(path)),
        }
    }

    async fn sign_out(&self, visitor: &Visitor) -> Response<Body> {
        if let Err(error) = self.parts.people.sign_out(visitor.token.expose(), Client::Page).await {
            return fault(&self.assets, Some(visitor), &error);
        }
        let mut response = go_to("/sign-in");
        if let Ok(end) = HeaderValue::from_str(&self.cookies.session.end()) {
            response.headers_mut().insert(header::SET_COOKIE, end);
        }
        response
    }

    fn stream(&self, visitor: Visitor, head: &Head, asked: &mut Form) -> Response<Body> {
        let place = match self.streams.place(&visitor.human.id) {
            Ok(place) => place,
            Err(too_many) => return fault(&self.assets, Some(&visitor), &too_many),
        };
        // A browser that comes back says where it was.
        let last = head.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        live::stream(Watch {
            parts: Arc::clone(&self.parts),
            human: visitor.human.id.clone(),
            token: visitor.token,
            stop: self.stop.clone(),
            place,
            after: last.or_else(|| asked.take("after").parse().ok()).unwrap_or(u64::MAX),
        })
    }

    /// Who is signed in, as the directory is right now.
    async fn visitor(&self, head: &Head) -> Option<Visitor> {
        let token = self.cookies.session.token(&head.headers)?;
        // What a page does by itself keeps nobody signed in.
        let signed_in = self.parts.people.recognise(token.expose(), Client::Page).await?;
        let directory = self.parts.directory.snapshot();
        let human = Arc::clone(directory.humans.get(signed_in.human())?);
        is_known(&head.extensions);
        let sight = Sight::of(&human, &directory, &self.parts.readers);
        let waiting = self.parts.holds.as_ref().map_or(0, |holds| holds.waiting(&human.id));
        let emergencies = self.parts.emergencies.as_ref().map_or_else(Vec::new, |all| all.all(&human.id));
        let contracts = self.parts.contracts.as_ref().is_some_and(|contracts| contracts.any());
        Some(Visitor { signed_in, human, token, sight, waiting, contracts, emergencies })
    }

    fn stranger(&self, head: &Head) -> Response<Body> {
        let here = head.uri.path_and_query().map_or("/", |here| here.as_str());
        if head.uri.path() == "/live" {
            let mut response = Response::new(front::empty());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            return response;
        }
        if from_another_site(&head.headers) && place_of_ours(here) == here {
            return sign_in::come_in(&self.assets, here);
        }
        let next: String = form_urlencoded::byte_serialize(place_of_ours(here).as_bytes()).collect();
        go_to(&format!("/sign-in?next={next}"))
    }
}

impl Wire for ConsoleWire {
    fn owns(&self, _: &str) -> bool {
        true
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        Box::pin(async {
            let mut response = self.respond(exchange).await;
            harden(&mut response);
            response
        })
    }

    fn outlives_clients(&self) -> bool {
        true
    }

    fn places(&self, method: &Method, path: &str) -> Option<&Arc<Strangers>> {
        (method == Method::POST && (is_way_in(path) || path == arap::SESSION)).then_some(&self.strangers)
    }
}

/// Whether a form of whoever has shown nothing yet goes there.
fn is_way_in(path: &str) -> bool {
    matches!(path, "/sign-in" | "/welcome")
}

async fn form(head: &Head, body: Sent) -> Result<Form, Fault> {
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Fault::new(Blame::Caller, "caller.content_type", "a page sends a form"));
    }
    Ok(Form::parse(&body.read().await?))
}

fn peer(head: &Head) -> Option<IpAddr> {
    head.extensions.get::<Peer>().map(|peer| peer.0.ip())
}

fn nothing_at(path: &str) -> Fault {
    Fault::new(Blame::Caller, "caller.unknown_path", format!("there is nothing at `{path}`"))
}
