//! Accounts, and people who sign in at a terminal.

use std::sync::Arc;

use identity::people::{Client, Opened, SignedIn};
use model::{Blame, Directory as _, Fault, HumanId, Secret};
use serde_json::{Value, json};
use trace::rfc3339;

use crate::gateway::Gateway;

/// People with their accounts, if they have one.
pub(super) fn accounts(gateway: &Gateway) -> Value {
    let accounts: Vec<Value> = gateway
        .people
        .accounts()
        .into_iter()
        .map(|account| {
            json!({
                "human": account.human,
                "since": rfc3339(account.since),
                "invited_by": account.invited_by,
                "sessions": account.sessions,
            })
        })
        .collect();
    json!({ "accounts": accounts })
}

pub(super) async fn invite(gateway: &Gateway, human: &HumanId, by: &str) -> Result<Value, Fault> {
    let invitation = gateway.people.invite(human, by).await?;
    let url = gateway.console_url.get().map(|base| format!("{base}/welcome?code={}", invitation.code.expose()));
    Ok(json!({
        "done": if invitation.resets { "accounts.reset" } else { "accounts.invite" },
        "human": human,
        "code": invitation.code.expose(),
        "url": url,
        "expires": rfc3339(invitation.expires),
        "resets": invitation.resets,
    }))
}

pub(super) async fn close(gateway: &Gateway, human: &HumanId, by: &str) -> Result<Value, Fault> {
    gateway.people.close(human, by).await?;
    Ok(json!({ "done": "accounts.close", "human": human }))
}

pub(super) async fn sign_in(gateway: &Gateway, name: &str, password: Secret<String>) -> Result<Value, Fault> {
    let entered = gateway.people.sign_in(name, password, Client::Terminal, None).await;
    let provided = gateway.config.load().console.as_ref().is_some_and(|console| console.oidc.is_some());
    let entered = entered.map_err(|fault| match fault.code() {
        "people.refused" if provided => fault.hint(
            "who signs in with the identity provider has no password here: the account page of the console makes a code for \
             `countersign login --from-page CODE`",
        ),
        _ => fault,
    });
    Ok(opened(gateway, &entered?))
}

pub(super) async fn choose_password(gateway: &Gateway, code: &str, password: Secret<String>) -> Result<Value, Fault> {
    Ok(opened(gateway, &gateway.people.accept(code, password, Client::Terminal, None).await?))
}

pub(super) async fn sign_in_with_code(gateway: &Gateway, code: &str) -> Result<Value, Fault> {
    Ok(opened(gateway, &gateway.people.sign_in_with_code(code, None).await?))
}

pub(super) async fn who_am_i(gateway: &Gateway, session: &Secret<String>) -> Result<Value, Fault> {
    Ok(about(gateway, &signed_in(gateway, session).await?))
}

pub(super) async fn sign_out(gateway: &Gateway, session: &Secret<String>) -> Result<Value, Fault> {
    gateway.people.sign_out(session.expose(), Client::Terminal).await?;
    Ok(json!({ "done": "people.signed_out" }))
}

/// Who is signed in at a terminal with this token. Being the operating-system user who runs the gateway signs nobody in.
pub async fn signed_in(gateway: &Gateway, session: &Secret<String>) -> Result<SignedIn, Fault> {
    gateway.people.recognise(session.expose(), Client::Terminal).await.ok_or_else(|| {
        Fault::new(Blame::Caller, "people.signed_out", "nobody is signed in here, or not any more")
            .hint("`countersign login PERSON`")
    })
}

fn opened(gateway: &Gateway, opened: &Opened) -> Value {
    let mut said = about(gateway, &opened.signed_in);
    if let Some(said) = said.as_object_mut() {
        said.insert("session".to_owned(), opened.token.expose().as_str().into());
    }
    said
}

fn about(gateway: &Gateway, who: &SignedIn) -> Value {
    let directory = gateway.directory.snapshot();
    let human = directory.humans.get(who.human()).map(Arc::as_ref);
    json!({
        "human": who.human(),
        "name": human.map(|human| human.name.as_str()),
        "role": human.and_then(|human| human.role.as_deref()),
        "how": who.how(),
        "named": who.session(),
        "since": rfc3339(who.since()),
    })
}
