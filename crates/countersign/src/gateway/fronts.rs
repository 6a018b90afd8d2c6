//! What answers on each of the gateway's listeners and sockets.

use std::sync::Arc;
use std::time::Duration;

use engine::StateWrite;
use front::{Access, Front, Origins, Places, Wire};
use http::Uri;
use mcp::{Endpoint, SUBSCRIBED_STATE};
use model::{Blame, Directory, Fault, UnixMicros};
use tokio::net::TcpListener;
use trace::LogReader;

use super::{Gateway, operator};
use crate::published::{Entries, LogWire};
use crate::vendor_door::{Listening, access as vendor_access, wires as vendor_wires};
use crate::wires::{ConnectWire, ControlWire, OperatorsOnly};

/// What clients find at every listener for them: the same sessions, and together no more calls in flight than the gateway takes.
pub(super) struct Mcp {
    endpoint: Endpoint,
    in_flight: Arc<Places>,
}

impl Mcp {
    fn wire(&self, access: &Arc<Access>) -> Arc<dyn Wire> {
        Arc::new(self.endpoint.also_for(Arc::clone(access)))
    }
}

impl Gateway {
    fn access(&self) -> Arc<Access> {
        Arc::new(self.access_at(&self.public_url).with_vendors(vendor_access(self)))
    }

    fn access_at(&self, url: &str) -> Access {
        let directory = Arc::clone(&self.directory) as Arc<dyn Directory>;
        Access::new(Arc::clone(&self.tokens), directory, Arc::clone(self.engine.clock()), url)
    }

    /// What answers on the listener with TLS: nothing but what vendors and their agents ask for.
    pub(super) fn door_front(&self, door: &Listening, mcp: &Mcp) -> Result<Arc<Front>, Fault> {
        let access = Arc::new(self.access_at(&door.url).only_vendors(vendor_access(self)));
        let mut wires = vec![mcp.wire(&access)];
        wires.extend(vendor_wires(self, &door.url));
        let in_flight = Arc::clone(&mcp.in_flight);
        Ok(Arc::new(Front { access: Some(access), origins: Some(door.origins()?), wires, in_flight }))
    }

    pub(super) fn front(&self, listener: &TcpListener, mcp: &Mcp) -> Result<Arc<Front>, Fault> {
        let config = self.config.load();
        let local =
            listener.local_addr().map_err(|error| operator("operator.listen", "the listener has no address", error))?;
        let url: Uri = self
            .public_url
            .parse()
            .map_err(|_| Fault::new(Blame::Operator, "operator.url", "`public_url` is not an address"))?;
        let origins = Origins::new("public_url", &url, local, Some(&config.allowed_origins));
        let access = self.access();
        let in_flight = Arc::clone(&mcp.in_flight);
        let mut wires: Vec<Arc<dyn Wire>> = vec![mcp.wire(&access), Arc::new(OperatorsOnly)];
        wires.extend(vendor_wires(self, &self.public_url));
        if config.publish {
            wires.push(self.log_wire(Entries::Withheld));
        }
        Ok(Arc::new(Front { access: Some(access), origins: Some(origins), wires, in_flight }))
    }

    /// What the listeners share.
    pub(super) fn mcp(&self) -> Result<Mcp, Fault> {
        let subscribed = self.subscribed()?;
        let (hub, engine) = (Arc::clone(&self.hub), self.engine.clone());
        let in_flight = Arc::new(Places::new(engine.limits().calls_in_flight_max));
        let endpoint = Endpoint::new(hub, engine, self.access(), &self.state_key, subscribed)?;
        Ok(Mcp { endpoint, in_flight })
    }

    /// Sessions of before that had subscribed to something. Those that nobody could go on with any more are forgotten.
    fn subscribed(&self) -> Result<Vec<String>, Fault> {
        let rows = self.trace.reader().map_err(Fault::from)?.state(SUBSCRIBED_STATE).map_err(Fault::from)?;
        let now = self.engine.clock().now();
        let young = |at: &str| {
            let at = at.parse().map_or(now, UnixMicros);
            u128::from(now.since(at).unsigned_abs()) <= SESSION_REMEMBERED_MAX.as_micros()
        };
        let (kept, old): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, at)| young(at));
        let gone = |(key, _)| StateWrite { kind: SUBSCRIBED_STATE.to_owned(), key, value: None };
        if !old.is_empty() {
            self.engine.keep_blocking(old.into_iter().map(gone).collect())?;
        }
        Ok(kept.into_iter().map(|(session, _)| session).collect())
    }

    pub(super) fn connect_front(self: &Arc<Self>, mcp: &Mcp) -> Arc<Front> {
        let access = self.access();
        let endpoint: Arc<dyn Wire> = Arc::new(mcp.endpoint.also_for(Arc::clone(&access)).for_standard_streams());
        let mint: Arc<dyn Wire> = Arc::new(ConnectWire::new(Arc::clone(self)));
        let wires = vec![endpoint, mint, Arc::new(OperatorsOnly)];
        let in_flight = Arc::clone(&mcp.in_flight);
        Arc::new(Front { access: Some(access), origins: None, wires, in_flight })
    }

    pub(super) fn control_front(self: &Arc<Self>) -> Arc<Front> {
        let control: Arc<dyn Wire> = Arc::new(ControlWire::new(Arc::clone(self)));
        let wires = vec![control, self.log_wire(Entries::Served)];
        let access = Some(self.access());
        Arc::new(Front { access, origins: None, wires, in_flight: Arc::new(Places::new(64)) })
    }

    fn log_wire(&self, entries: Entries) -> Arc<dyn Wire> {
        let trace = self.trace.clone();
        let open = move || -> Result<Box<dyn LogReader>, Fault> { Ok(Box::new(trace.reader().map_err(Fault::from)?)) };
        Arc::new(LogWire::new(Arc::clone(&self.latest), Box::new(open), entries))
    }
}

/// Longer than a client goes on with a session of an earlier run.
const SESSION_REMEMBERED_MAX: Duration = Duration::from_secs(2 * 24 * 60 * 60);
