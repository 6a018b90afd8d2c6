//! Passkeys on pages: buttons that the script brings to life, and what they fill in.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::people::Answer;

use crate::html::{Html, html};
use crate::page::Visitor;
use crate::port::Parts;
use crate::sign_in::Form;

/// What is asked when somebody signs in.
pub(crate) const SIGN_IN: &str = "sign-in";

/// What is asked of a new key.
pub(crate) fn adding(visitor: &Visitor) -> String {
    format!("add {}", visitor.signed_in.session())
}

/// What is asked when somebody decides: about this hold, in this way, in this session.
pub(crate) fn deciding(visitor: &Visitor, hold: &str, say: &str) -> String {
    format!("hold {hold} {say} {}", visitor.signed_in.session())
}

/// What is asked when somebody opens an emergency: this one, or a new one, in this session.
pub(crate) fn in_emergency(visitor: &Visitor, id: &str, say: &str) -> String {
    format!("emergency {id} {say} {}", visitor.signed_in.session())
}

/// Where the answer goes, once in each form.
pub(crate) fn fields() -> Html {
    ["passkey_id", "passkey_client", "passkey_device", "passkey_proof"]
        .iter()
        .map(|name| html!("<input type=\"hidden\" name=\"{}\">", *name))
        .collect()
}

/// A button that asks for a key. Without script, or where the address is not the one keys belong to, it is not there.
pub(crate) fn button(parts: &Parts, purpose: &str, say: &'static str, name: &'static str) -> Html {
    let Ok(challenge) = parts.people.challenge(purpose) else { return Html::default() };
    html!(
        "<button type=\"button\" data-passkey=\"get\" data-host=\"{}\" data-origin=\"{}\" data-challenge=\"{}\" data-say=\"{}\" \
         hidden>{}</button>",
        parts.site.host,
        origin(parts),
        challenge,
        say,
        name
    )
}

/// A button that makes a key for this person.
pub(crate) fn button_to_add(parts: &Parts, visitor: &Visitor) -> Html {
    let Ok(challenge) = parts.people.challenge(&adding(visitor)) else { return Html::default() };
    let id = visitor.human.id.as_str();
    html!(
        "<button type=\"button\" data-passkey=\"create\" data-host=\"{}\" data-origin=\"{}\" data-challenge=\"{}\" data-user=\"{}\" \
         data-user-id=\"{}\" data-user-name=\"{}\" hidden>Add a passkey of this device</button>",
        parts.site.host,
        origin(parts),
        challenge,
        id,
        URL_SAFE_NO_PAD.encode(digest(&SHA256, id.as_bytes()).as_ref()),
        visitor.human.name
    )
}

/// Where the pages are that may ask for a key.
fn origin(parts: &Parts) -> &str {
    parts.site.origins.first().map_or("", String::as_str)
}

/// The answer in a form; none where the form came without one.
pub(crate) fn answer(form: &mut Form) -> Option<Answer> {
    let id = form.take("passkey_id");
    (!id.is_empty()).then(|| Answer {
        id,
        client_data: form.take("passkey_client"),
        device_data: form.take("passkey_device"),
        proof: form.take("passkey_proof"),
    })
}
