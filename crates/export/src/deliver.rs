//! Giving records to a sink. What returns without an error was taken.

mod file;
mod http;
mod people;
mod stream;

use std::time::Duration;

use model::UnixMicros;
use notify::Teller;

use self::file::Rolling;
use self::http::{Collector, JSON, PROTOBUF};
pub(crate) use self::people::People;
use crate::item::{About, Item};
use crate::ocsf::event;
use crate::otlp;
use crate::sink::{Target, Transport};
use crate::syslog::{counted, message};

/// A sink that is open.
pub(crate) enum Delivery {
    File(Rolling),
    Otlp { traces: Box<Collector>, metrics: Option<Box<Collector>> },
    Ocsf(Box<Collector>),
    Syslog { address: String, transport: Transport },
    People(Box<Teller>),
}

/// What was given was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Untaken {
    /// What was said, or what happened: a sentence.
    pub(crate) said: String,
    /// When the receiver wants to be asked again.
    pub(crate) again_after: Option<Duration>,
    /// Of what kind that is.
    pub(crate) why: Why,
}

/// Why something was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nothing is taken just now.
    NotNow,
    /// It was more than the receiver takes at a time.
    TooLarge,
    /// It took longer than anything may.
    TooSlow,
    /// It would not be taken another time: the message that tells of these records.
    Refused(Vec<u64>),
}

impl Delivery {
    pub(crate) fn open(target: &Target) -> Result<Self, String> {
        Ok(match target {
            Target::File { path, format, bytes_max, kept } => {
                Self::File(Rolling::new(path.clone(), *format, *bytes_max, *kept))
            }
            Target::Otlp { url, headers, metrics } => {
                let collector = |path: &str| Collector::new(&below(url, path)?, headers, PROTOBUF).map(Box::new);
                let of_metrics = if *metrics { Some(collector("/v1/metrics")?) } else { None };
                Self::Otlp { traces: collector("/v1/traces")?, metrics: of_metrics }
            }
            Target::Ocsf { url, headers } => Self::Ocsf(Box::new(Collector::new(url, headers, JSON)?)),
            Target::Syslog { address, transport } => Self::Syslog { address: address.clone(), transport: *transport },
            Target::People(channel) => Self::People(Box::new(Teller::new(channel)?)),
        })
    }

    /// Gives these records away; people get one message at a time, and what they were told they are not told again. What was
    /// taken although something was the matter with it is told as a sentence.
    pub(crate) async fn deliver(
        &mut self,
        items: &[Item],
        about: &About,
        now: UnixMicros,
        people: &mut People,
    ) -> Result<Option<String>, Untaken> {
        match self {
            Self::People(teller) => people.tell(teller, items, now).await,
            Self::File(file) => Ok(file.append(items, about).map(|()| None)?),
            Self::Otlp { traces, metrics } => {
                let mut rejected = None;
                if let Some(body) = otlp::spans(items, about) {
                    rejected = otlp::rejected(&traces.post(body).await?).map(|said| remark(traces, &said));
                }
                if let (Some(metrics), Some(body)) = (metrics, otlp::metrics(items, about)) {
                    let here = otlp::rejected(&metrics.post(body).await?).map(|said| remark(metrics, &said));
                    rejected = here.or(rejected);
                }
                Ok(rejected)
            }
            Self::Ocsf(collector) => {
                let events: Vec<_> = items.iter().map(|item| event(item, about)).collect();
                collector.post(serde_json::Value::from(events).to_string().into_bytes()).await.map(|_| None)
            }
            Self::Syslog { address, transport: Transport::Tcp } => {
                let messages: String = items.iter().map(|item| counted(&message(item, about))).collect();
                Ok(stream::send(address, messages.as_bytes()).await.map(|()| None)?)
            }
            Self::Syslog { address, transport: Transport::Udp } => {
                let messages = items.iter().map(|item| message(item, about));
                Ok(stream::send_datagrams(address, messages).await.map(|()| None)?)
            }
        }
    }

    /// Tries people again whom a message did not reach with the others. Whom it will never reach is told as a sentence.
    pub(crate) async fn deliver_late(&mut self, people: &mut People, now: UnixMicros) -> Option<String> {
        match self {
            Self::People(teller) => people.tell_late(teller, now).await,
            _ => None,
        }
    }
}

impl From<String> for Untaken {
    fn from(said: String) -> Self {
        Self { said, again_after: None, why: Why::NotNow }
    }
}

/// What a collector says of what it rejects, where it may be quoted.
fn remark(collector: &Collector, said: &str) -> String {
    collector.quote(said).unwrap_or_else(|| "some were rejected".to_owned())
}

/// An address with more behind its path.
fn below(url: &::http::Uri, path: &str) -> Result<::http::Uri, String> {
    let base = url.to_string();
    let longer = format!("{}{path}", base.trim_end_matches('/'));
    // A token may stand in it.
    longer.parse().map_err(|_| "the address takes no path behind it".to_owned())
}
