//! An app's credentials: one beside the app's other keys, or several in a list.

use std::collections::BTreeSet;

use broker::{AppCredential, Placement, Source};
use http::HeaderName;
use model::AppId;
use serde_saphyr::Spanned;

use super::super::raw::{RawApp, RawConfig, RawCredential};
use super::Checker;

/// The lines where something else stands in place of a credential's name: perhaps the secret itself.
pub(super) fn lines_with_secrets(raw: &RawConfig) -> BTreeSet<u64> {
    let apps = raw.apps.0.iter().map(|(_, app)| app);
    let written = apps.flat_map(|app| {
        let listed = app.credentials.iter().flat_map(|listed| &listed.value).map(|one| &one.from);
        app.credential.iter().chain(listed)
    });
    let headers =
        raw.exports.0.iter().flat_map(|(_, export)| export.headers.iter().flat_map(|headers| headers.values()));
    let channels = raw.notify.0.iter().flat_map(|(_, channel)| {
        let headers = channel.headers.iter().flat_map(|headers| headers.values());
        [&channel.url].into_iter().chain(&channel.password).chain(headers)
    });
    let of_provider = raw.console.iter().flat_map(|console| &console.oidc).flat_map(|oidc| &oidc.client_secret);
    written
        .chain(of_provider)
        .filter(|written| written.value.parse::<Source>().is_err())
        .chain(headers)
        .chain(channels)
        .flat_map(|written| [written.referenced.line(), written.defined.line()])
        .collect()
}

impl Checker<'_> {
    pub(super) fn credentials(&mut self, id: &AppId, raw: &RawApp) -> Vec<AppCredential> {
        let Some(listed) = &raw.credentials else { return self.credential(id, raw).into_iter().collect() };
        let mut ours = Vec::new();
        if self.is_both(id, raw) {
            return ours;
        }
        for written in &listed.value {
            let Some(source) = self.source(&written.from) else { continue };
            let Some(placement) = self.placement(id, raw, written) else { continue };
            if self.is_free(id, written, &placement, &ours) {
                ours.push(AppCredential { app: id.clone(), source, placement });
            }
        }
        ours
    }

    /// Whether the short form stands beside the list.
    fn is_both(&mut self, id: &AppId, raw: &RawApp) -> bool {
        let short = [
            (
                "credential",
                raw.credential.as_ref(),
                "keep one of them: what `credential:` says can be one more of the list",
            ),
            (
                "credential_variable",
                raw.credential_variable.as_ref(),
                "in the list it is `variable:`, beside its `from:`",
            ),
            ("credential_header", raw.credential_header.as_ref(), "in the list it is `header:`, beside its `from:`"),
            ("credential_prefix", raw.credential_prefix.as_ref(), "in the list it is `prefix:`, beside its `header:`"),
        ];
        let found = short.into_iter().find_map(|(key, written, hint)| Some((key, written?, hint)));
        let Some((key, written, hint)) = found else { return false };
        self.problem(written, format!("app `{id}` has both `{key}:` and `credentials:`"), Some(hint.to_owned()));
        true
    }

    /// Where one of the list goes: exactly one place, and one that the app has.
    fn placement(&mut self, id: &AppId, raw: &RawApp, written: &RawCredential) -> Option<Placement> {
        match (&written.variable, &written.header) {
            (Some(variable), Some(_)) => {
                self.problem(variable, to_both(id), Some("keep one of them".to_owned()));
                None
            }
            (Some(variable), None) if raw.url.is_some() => {
                self.problem(variable, no_variables(id), Some("use `header:`".to_owned()));
                None
            }
            (None, Some(header)) if raw.command.is_some() => {
                let said = format!("app `{id}` is a program and reads no headers");
                self.problem(header, said, Some("use `variable:`".to_owned()));
                None
            }
            (Some(variable), None) => match &written.prefix {
                Some(prefix) => {
                    let said = "only a header has a prefix".to_owned();
                    self.problem(prefix, said, Some("keep the whole value in the secret".to_owned()));
                    None
                }
                None => Some(Placement::Variable(variable.value.clone())),
            },
            (None, Some(header)) => {
                let prefix = written.prefix.as_ref().map(|prefix| prefix.value.clone());
                Some(Placement::Header { name: self.header(header)?, prefix: prefix.unwrap_or_default() })
            }
            (None, None) => {
                let hint = if raw.url.is_some() {
                    "name the header: `header: Authorization`, and `prefix: \"Bearer \"` where it takes one"
                } else {
                    "name the variable the program reads it from: `variable: NAME`"
                };
                self.problem(&written.from, nowhere_to_go(id), Some(hint.to_owned()));
                None
            }
        }
    }

    /// Whether nothing before it in the list goes to the same place.
    fn is_free(&mut self, id: &AppId, written: &RawCredential, placement: &Placement, ours: &[AppCredential]) -> bool {
        let is_header = |one: &AppCredential| matches!(one.placement, Placement::Header { .. });
        match placement {
            Placement::Variable(name) if ours.iter().any(|one| one.placement == *placement) => {
                let said = format!("two credentials of app `{id}` go to the variable `{name}`");
                self.problem(
                    written.variable.as_ref().unwrap_or(&written.from),
                    said,
                    Some("keep one of them".to_owned()),
                );
                false
            }
            Placement::Header { .. } if ours.iter().any(is_header) => {
                let said = format!("app `{id}` has several credentials for a header, and a call carries one");
                self.problem(
                    written.header.as_ref().unwrap_or(&written.from),
                    said,
                    Some("keep one of them".to_owned()),
                );
                false
            }
            Placement::Variable(_) | Placement::Header { .. } => true,
        }
    }

    /// The one beside the app's other keys.
    fn credential(&mut self, id: &AppId, raw: &RawApp) -> Option<AppCredential> {
        let written = raw.credential.as_ref()?;
        let source = self.source(written)?;
        let prefix = raw.credential_prefix.as_ref().map(|prefix| prefix.value.clone());
        let placement = match (&raw.credential_variable, &raw.credential_header) {
            (Some(variable), None) if raw.url.is_some() => {
                self.problem(
                    variable,
                    no_variables(id),
                    Some("use `credential_header:`, or leave it away for `Authorization: Bearer`".to_owned()),
                );
                return None;
            }
            (Some(variable), None) => Placement::Variable(variable.value.clone()),
            (None, Some(header)) => {
                Placement::Header { name: self.header(header)?, prefix: prefix.unwrap_or_default() }
            }
            (Some(variable), Some(_)) => {
                self.problem(variable, to_both(id), None);
                return None;
            }
            (None, None) if raw.command.is_some() => {
                let hint = "name the variable the program reads it from: `credential_variable: NAME`";
                self.problem(written, nowhere_to_go(id), Some(hint.to_owned()));
                return None;
            }
            (None, None) => {
                let prefix = prefix.unwrap_or_else(|| "Bearer ".to_owned());
                Placement::Header { name: http::header::AUTHORIZATION, prefix }
            }
        };
        Some(AppCredential { app: id.clone(), source, placement })
    }

    /// Where it is kept. What stands here may be the secret itself: the text is never shown.
    pub(super) fn source(&mut self, written: &Spanned<String>) -> Option<Source> {
        match written.value.parse::<Source>() {
            Ok(Source::File(path)) => Some(Source::File(self.base.join(path))),
            Ok(source) => Some(source),
            Err(said) => {
                self.problem(written, said, None);
                None
            }
        }
    }

    fn header(&mut self, written: &Spanned<String>) -> Option<HeaderName> {
        self.parse(written, "the name of an HTTP header")
    }
}

fn to_both(id: &AppId) -> String {
    format!("the credential of app `{id}` goes to a header or to a variable, not to both")
}

fn no_variables(id: &AppId) -> String {
    format!("app `{id}` is reached over HTTP and has no variables")
}

fn nowhere_to_go(id: &AppId) -> String {
    format!("the credential of app `{id}` has no place to go")
}
