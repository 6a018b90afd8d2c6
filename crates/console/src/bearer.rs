//! Programs of people: a person's own session, shown as a bearer token (RFC 6750) with each request.
//!
//! No cookie is looked at, so no page of somebody else can act in a person's name, and an agent's token is none of a person.

use front::is_known;
use http::header;
use http::request::Parts as Head;
use identity::people::{Client, SignedIn};
use model::{Blame, Fault, Secret};

use crate::arap::SESSION;
use crate::port::Parts;

/// Who is signed in with the token that the request shows, and the token. Error: nobody is.
pub(crate) async fn person(parts: &Parts, head: &Head) -> Result<(SignedIn, Secret<String>), Fault> {
    let shown = head.headers.get(header::AUTHORIZATION).and_then(|shown| shown.to_str().ok());
    let token = shown.and_then(|shown| shown.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    let token = Secret::new(token.ok_or_else(nobody)?.1.trim().to_owned());
    let who = parts.people.recognise(token.expose(), Client::Terminal).await.ok_or_else(nobody)?;
    is_known(&head.extensions);
    Ok((who, token))
}

pub(crate) fn nobody() -> Fault {
    let said = "the request shows no session of a person as its bearer token, or one that has ended";
    Fault::new(Blame::Caller, "people.signed_out", said).hint(format!("POST {SESSION} opens one"))
}
