//! Where records go, as a configuration says it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, Uri};
use notify::{Channel, To};
use trace::{Query, RecordKind};

use crate::item::Item;
use crate::limits::{DELIVERY_TIME_MAX, MAIL_TIME_MAX};

/// A sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSpec {
    /// What it is called.
    pub name: String,
    /// Where records go.
    pub target: Target,
    /// Which records; none: all of them. An outcome goes where its decision goes, unless something is asked of
    /// outcomes or of the kind of record.
    pub only: Option<Query>,
}

/// Where records go, and in which format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file on this machine, a record a line.
    File {
        /// Which file.
        path: PathBuf,
        /// In which format.
        format: TextFormat,
        /// How large it may grow before the next one begins.
        bytes_max: u64,
        /// How many full ones are kept.
        kept: u32,
    },
    /// An OpenTelemetry collector: OTLP over HTTP, in protobuf.
    Otlp {
        /// The address before `/v1/traces`.
        url: Uri,
        /// What is said with each request.
        headers: Headers,
        /// Whether metrics are sent, too.
        metrics: bool,
    },
    /// A collector that takes OCSF events: JSON over HTTP, an array a request.
    Ocsf {
        /// Its address.
        url: Uri,
        /// What is said with each request.
        headers: Headers,
    },
    /// A syslog receiver: CEF in RFC 5424.
    Syslog {
        /// Host and port.
        address: String,
        /// Over what.
        transport: Transport,
    },
    /// People, who are told that a call waits for them. Of what was before the gateway first knew them they are told nothing.
    People(Channel),
}

/// What stands in a line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// The record, so that it can be verified again.
    Jsonl,
    /// An OCSF event.
    Ocsf,
    /// A CEF message.
    Cef,
}

/// How syslog messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In a stream, with their length before them; the receiver says by closing that it has read them.
    Tcp,
    /// One a datagram. Nobody says whether it arrived.
    Udp,
}

/// What is said with each request: tokens may stand in it, so nothing shows it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(pub HeaderMap);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

// === impl SinkSpec ===

impl SinkSpec {
    /// Whether this record goes there.
    pub(crate) fn wants(&self, item: &Item) -> bool {
        let Some(only) = &self.only else { return true };
        if item.entry.kind != RecordKind::Outcome {
            return only.fits(&item.entry);
        }
        // Of an outcome whose decision nobody can read, nobody can say that it is not the one that is kept from this sink.
        item.decision.as_ref().is_some_and(|decision| only.fits_outcome(&item.entry, &decision.entry))
    }
}

// === impl Target ===

impl Target {
    /// How long it may take for what it is given at a time.
    pub(crate) fn time_max(&self) -> Duration {
        match self {
            Self::People(Channel { to: To::Mail(_), .. }) => MAIL_TIME_MAX,
            _ => DELIVERY_TIME_MAX,
        }
    }

    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { format: TextFormat::Jsonl, .. } => "jsonl",
            Self::File { format: TextFormat::Ocsf, .. } | Self::Ocsf { .. } => "ocsf",
            Self::File { format: TextFormat::Cef, .. } => "cef",
            Self::Otlp { .. } => "otlp",
            Self::Syslog { .. } => "syslog",
            Self::People(channel) => channel.kind(),
        }
    }
}
