//! RFC 5424: what carries a message to a syslog receiver.

use trace::rfc3339;

use crate::cef::{cef, severity};
use crate::item::{About, Item};

/// One record as a syslog message with CEF in it.
pub(crate) fn message(item: &Item, about: &About) -> String {
    let priority = LOG_AUDIT * 8 + severity_of(severity(item));
    let (time, kind) = (rfc3339(item.entry.at), item.entry.kind.as_str());
    let marked = item.security_relevant();
    let (sequence, origin) = (item.entry.sequence, parameter(&about.origin));
    format!(
        "<{priority}>1 {time} - countersign - {kind} [{DATA_ID} log=\"{origin}\" sequence=\"{sequence}\" \
         security_relevant=\"{marked}\"] {}",
        cef(item, about)
    )
}

/// With its length before it, as RFC 6587 has it for streams.
pub(crate) fn counted(message: &str) -> String {
    format!("{} {message}", message.len())
}

fn severity_of(cef: u8) -> u8 {
    match cef {
        0..=2 => INFORMATIONAL,
        3..=4 => NOTICE,
        5..=6 => WARNING,
        _ => ALERT,
    }
}

fn parameter(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}

const LOG_AUDIT: u8 = 13;
const ALERT: u8 = 1;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;
/// The enterprise number is the one that RFC 5612 keeps for examples.
const DATA_ID: &str = "countersign@32473";
