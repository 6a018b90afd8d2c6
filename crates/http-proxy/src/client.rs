//! Connections to one app: HTTP/2 where it offers it over TLS, HTTP/1.1 otherwise.

use std::time::Duration;

use decide::SendFault;
use http::Uri;
use http_client::{Broke, Connecting, Hears, Request, Response, connector};
use model::{Blame, Fault};

/// Connections to one app. It follows no redirect.
pub(crate) struct Client {
    connections: http_client::Client,
}

impl Client {
    /// Error: the system's certificate authorities cannot be read (blame `Operator`).
    pub(crate) fn new(base: &Uri) -> Result<Self, Fault> {
        let connector = connector(base, Connecting { http2: true, time_max: Some(CONNECT_TIME_MAX) })?;
        Ok(Self { connections: http_client::Client::new(connector, base.clone()) })
    }

    /// Sends one request and gives the head of its answer. After a fault `before`, nothing has left, or the app itself says that it did
    /// not look at it.
    pub(crate) async fn send<H: Hears>(&self, request: &Request) -> Result<Response<H>, SendFault> {
        self.connections.send(request).await.map_err(|broke| self.no_answer(broke))
    }

    /// Lets go of connections that nobody uses. Asked twice a minute.
    pub(crate) fn rest(&self) {
        self.connections.rest();
    }

    fn no_answer(&self, broke: Broke) -> SendFault {
        let host = self.connections.url().authority().map(ToString::to_string).unwrap_or_default();
        match broke {
            Broke::Unreachable(error) => {
                let fault = Fault::new(Blame::Upstream, "upstream.unreachable", format!("nothing answers at {host}"));
                let cause = std::io::Error::other(error);
                SendFault::before(fault.hint("start the app, or correct its address").because(cause).retryable())
            }
            Broke::Refused(error) => {
                let said = format!("{host} did not take the request, and nothing was executed");
                SendFault::before(Fault::new(Blame::Upstream, "upstream.busy", said).because(error).retryable())
            }
            Broke::Off(error) => {
                let said = format!("{host} did not answer in HTTP, or closed the connection before it answered");
                SendFault::after(Fault::new(Blame::Upstream, "upstream.broke_off", said).because(error))
            }
        }
    }
}

const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
