//! The console's listener, and what its pages are given.

use std::net::SocketAddr;
use std::sync::Arc;

use console::{ConsoleWire, Parts, Pulse};
use front::{Front, Origins, Places};
use http::Uri;
use identity::people::Site;
use jiff::tz::TimeZone;
use model::limits::{CONSOLE_IN_FLIGHT_MAX, TRACE_STEPS_MAX, TRACE_TIME_MAX};
use model::{Blame, Directory, Fault};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace::LogReader;

use self::contracts::Shelf;
use self::emergencies::Alarms;
use self::holds::Desk;
use crate::config::ConsoleConfig;
use crate::gateway::{Gateway, files};
use crate::notary::{origin_of, trust_of};
use crate::reading;
use crate::sign_on;

mod contracts;
mod emergencies;
mod holds;

/// The listener of the pages, and the address under which browsers reach them, without a slash at its end.
pub struct Pages {
    /// The listener.
    pub listener: TcpListener,
    /// The address.
    pub url: String,
    local: SocketAddr,
}

impl Pages {
    /// Binds the address.
    pub async fn bind(config: &ConsoleConfig) -> Result<Self, Fault> {
        let listener = crate::commands::serve::listen(config.listen)
            .await
            .map_err(|fault| fault.hint("choose another address with `console: {listen: …}`"))?;
        let local = listener
            .local_addr()
            .map_err(|error| crate::gateway::operator("operator.listen", "the listener has no address", error))?;
        let url = config.url.as_ref().map_or_else(|| format!("http://{local}"), ToString::to_string);
        Ok(Self { listener, url: url.trim_end_matches('/').to_owned(), local })
    }

    /// What answers there.
    pub fn front(
        &self,
        gateway: &Arc<Gateway>,
        config: &ConsoleConfig,
        stop: &CancellationToken,
    ) -> Result<Arc<Front>, Fault> {
        let url: Uri = self
            .url
            .parse()
            .map_err(|_| Fault::new(Blame::Operator, "operator.url", "`console: url` is not an address"))?;
        let origins = Origins::new("console: {url: …}", &url, self.local, None);
        let secure = url.scheme_str() == Some("https");
        let (trace, of_trust, of_pulse) = (gateway.trace().clone(), Arc::clone(gateway), Arc::clone(gateway));
        let (of_news, of_metrics) = (Arc::clone(gateway), Arc::clone(gateway));
        let parts = Parts {
            people: Arc::clone(&gateway.people),
            directory: Arc::clone(&gateway.directory) as Arc<dyn Directory>,
            clock: Arc::clone(gateway.engine.clock()),
            zone: TimeZone::system(),
            open: Box::new(move || {
                let reader = trace.bounded_reader(TRACE_STEPS_MAX, TRACE_TIME_MAX).map_err(Fault::from)?;
                Ok(Box::new(reader) as Box<dyn LogReader>)
            }),
            newest: Box::new(move || of_news.engine.newest_record()),
            trust: Box::new(move || {
                let reader = of_trust.trace().reader().ok()?;
                let origin = origin_of(&reader).ok().flatten()?;
                trust_of(&of_trust.data().join(files::TRACE_KEYS), &origin).ok()
            }),
            metrics: Box::new(move || {
                let gateway = Arc::clone(&of_metrics);
                Box::pin(async move { reading::metrics(&gateway).await.map(reading::exposition) })
            }),
            pulse: Box::new(move || {
                let figures = of_pulse.engine.figures();
                Pulse { under_way: figures.under_way as u64, decided: figures.decided }
            }),
            holds: Some(Arc::new(Desk { gateway: Arc::clone(gateway), readers: config.readers.clone() })),
            emergencies: Some(Arc::new(Alarms { gateway: Arc::clone(gateway) })),
            contracts: Some(Arc::new(Shelf { gateway: Arc::clone(gateway) })),
            readers: config.readers.clone(),
            provider: config.oidc.as_ref().map(|oidc| sign_on::provider(gateway, oidc, &self.url)).transpose()?,
            site: site(&url, self.local.port()),
            secure,
            port: self.local.port(),
        };
        let wire = Arc::new(ConsoleWire::new(parts, stop.clone()));
        let in_flight = Arc::new(Places::new(CONSOLE_IN_FLIGHT_MAX));
        Ok(Arc::new(Front { access: None, origins: Some(origins), wires: vec![wire], in_flight }))
    }
}

/// Where passkeys are good: at the address of the pages. Keys belong to names and not to numbers, so on this machine that is
/// `localhost`.
fn site(url: &Uri, port: u16) -> Site {
    let host = url.host().unwrap_or_default();
    match host {
        "127.0.0.1" | "[::1]" => {
            Site { host: "localhost".to_owned(), origins: vec![format!("http://localhost:{port}")] }
        }
        _ => Site { host: host.to_owned(), origins: vec![url.to_string().trim_end_matches('/').to_owned()] },
    }
}
