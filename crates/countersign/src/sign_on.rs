//! The organisation's identity provider: where it is, what we are called there, and the way to it.

use std::sync::Arc;

use broker::Source;
use bytes::Bytes;
use console::PROVIDER_BACK;
use http::Request;
use http_body_util::Full;
use identity::provider::{Link, LinkFuture, Provider, Settings};
use model::Fault;
use model::limits::{PROVIDER_ANSWER_BYTES_MAX, PROVIDER_TIME_MAX};

use crate::config::{OidcConfig, kept_secret};
use crate::gateway::Gateway;
use crate::outbound::Sender;

/// Carries requests to the provider, each to the one address that it names.
struct OverHttp {
    sender: Sender,
}

impl Link for OverHttp {
    fn send(&self, request: Request<Vec<u8>>) -> LinkFuture<'_> {
        Box::pin(async {
            let answer = self.sender.send(request.map(|body| Full::new(Bytes::from(body)))).await?;
            Ok(answer.map(|body| body.to_vec()))
        })
    }
}

/// The provider of a configuration, for pages at this address. It is not asked for anything yet. Error: its secret cannot be had.
pub fn provider(gateway: &Gateway, config: &OidcConfig, pages: &str) -> Result<Arc<Provider>, Fault> {
    let client_secret = match &config.client_secret {
        None => None,
        Some(Source::Vault(name)) => Some(gateway.vault.get(name)?),
        Some(source) => Some(kept_secret(source, "`console: {oidc: {client_secret: …}}` says where it is kept")?),
    };
    let settings = Settings {
        name: config.name.clone(),
        issuer: config.issuer.clone(),
        client_id: config.client_id.clone(),
        client_secret,
        claim: config.claim,
        redirect_uri: format!("{pages}{PROVIDER_BACK}"),
    };
    let link = OverHttp { sender: Sender::new(PROVIDER_TIME_MAX, PROVIDER_ANSWER_BYTES_MAX)? };
    Ok(Arc::new(Provider::new(settings, Arc::new(link), Arc::clone(gateway.engine.clock()))))
}
