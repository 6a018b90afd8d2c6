//! Giving records to a sink. What returns without an error was taken.

mod file;
mod http;
mod stream;

use model::UnixMicros;
use notify::Teller;

use self::file::Rolling;
use self::http::{Collector, JSON, PROTOBUF};
use crate::item::{About, Item};
use crate::ocsf::event;
use crate::otlp;
use crate::sink::{Target, Transport};
use crate::syslog::{counted, message};

/// A sink that is open. Errors are sentences: what was said, or what happened.
pub(crate) enum Delivery {
    File(Rolling),
    Otlp { traces: Box<Collector>, metrics: Option<Box<Collector>> },
    Ocsf(Box<Collector>),
    Syslog { address: String, transport: Transport },
    People(Box<Teller>),
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

    /// Gives these records away. What was taken although something was the matter with it is told as a sentence.
    pub(crate) async fn deliver(
        &mut self,
        items: &[Item],
        about: &About,
        now: UnixMicros,
    ) -> Result<Option<String>, String> {
        match self {
            Self::People(teller) => teller.tell(items.iter().map(|item| &item.entry), now).await.map(|()| None),
            Self::File(file) => file.append(items, about).map(|()| None),
            Self::Otlp { traces, metrics } => {
                let mut rejected = None;
                if let Some(body) = otlp::spans(items, about) {
                    rejected = otlp::rejected(&traces.post(body).await?);
                }
                if let (Some(metrics), Some(body)) = (metrics, otlp::metrics(items, about)) {
                    rejected = otlp::rejected(&metrics.post(body).await?).or(rejected);
                }
                Ok(rejected)
            }
            Self::Ocsf(collector) => {
                let events: Vec<_> = items.iter().map(|item| event(item, about)).collect();
                collector.post(serde_json::Value::from(events).to_string().into_bytes()).await.map(|_| None)
            }
            Self::Syslog { address, transport: Transport::Tcp } => {
                let messages: String = items.iter().map(|item| counted(&message(item, about))).collect();
                stream::send(address, messages.as_bytes()).await.map(|()| None)
            }
            Self::Syslog { address, transport: Transport::Udp } => {
                let messages = items.iter().map(|item| message(item, about));
                stream::send_datagrams(address, messages).await.map(|()| None)
            }
        }
    }
}

/// An address with more behind its path.
fn below(url: &::http::Uri, path: &str) -> Result<::http::Uri, String> {
    let base = url.to_string();
    format!("{}{path}", base.trim_end_matches('/')).parse().map_err(|_| format!("`{base}` takes no path behind it"))
}
