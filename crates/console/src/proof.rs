//! That it is the person themselves, and just now: asked before what matters, for a session may have been left open.
//!
//! With the password, with a passkey, or at the identity provider. The last leads away from the page and back to it; what was proved
//! there is good for this place and session, once and for some minutes, so the answer is given after it, on the page itself.

use std::net::IpAddr;

use identity::people::SignedIn;
use model::{Fault, Secret};

use crate::html::{Html, html};
use crate::page::Visitor;
use crate::passkey;
use crate::port::Parts;
use crate::provider;
use crate::sign_in::Form;

/// What stands in a form so that its person can prove it.
pub(crate) struct Proof {
    /// Fields to fill in.
    pub(crate) fields: Html,
    /// Whether anything can be sent with them; without, the way leads to the identity provider first.
    pub(crate) ready: bool,
    /// The way to the identity provider.
    pub(crate) way: Html,
}

// === impl Proof ===

impl Proof {
    /// For a form on the page at `place`; `name` tells its field from those of other forms there.
    pub(crate) fn asked(parts: &Parts, visitor: &Visitor, place: &str, name: &str) -> Self {
        let provider = provider::knowing(parts, visitor);
        if let Some(provider) = provider
            && parts.people.is_confirmed(&visitor.signed_in, place)
        {
            let said = html!("<p role=\"status\">You have just proved to {} that it is you.</p>", provider.name());
            let fields = html!("{}<input type=\"hidden\" name=\"proved\" value=\"{}\">", said, BY_PROVIDER);
            return Self { fields, ready: true, way: Html::default() };
        }
        let has_password = parts.people.accounts().iter().any(|account| account.human == visitor.human.id);
        let way = provider.map(|provider| provider::way_to_prove(provider, place)).unwrap_or_default();
        if !has_password && provider.is_some() {
            return Self { fields: Html::default(), ready: false, way };
        }
        let fields = html!(
            "<input type=\"hidden\" name=\"name\" autocomplete=\"username\" value=\"{}\">\
             <div class=\"field\"><label for=\"{}\">Your password, to say that it is you</label>\
             <input id=\"{}\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required></div>",
            visitor.human.id,
            name,
            name
        );
        Self { fields, ready: true, way }
    }

    /// The buttons, where they can be pressed.
    pub(crate) fn buttons(&self, buttons: Html) -> Html {
        if self.ready { buttons } else { Html::default() }
    }
}

/// Takes what a form at `place` proves. `purpose` is what a passkey was asked for.
pub(crate) async fn take(
    parts: &Parts,
    visitor: &Visitor,
    from: Option<IpAddr>,
    form: &mut Form,
    (place, purpose): (&str, &str),
) -> Result<SignedIn, Fault> {
    let people = &parts.people;
    if let Some(answer) = passkey::answer(form) {
        return people.confirm_with_passkey(&visitor.signed_in, &answer, purpose, &parts.site, from).await;
    }
    if form.take("proved") == BY_PROVIDER {
        return people.confirm_with_provider(&visitor.signed_in, place);
    }
    people.confirm(&visitor.signed_in, Secret::new(form.take("password")), from).await
}

const BY_PROVIDER: &str = "provider";
