//! The table: every feature, and what is expected of a client of one revision before a server of another.

use anyhow::Result;
use testkit::Revision;
use testkit::Revision::{July2026, June2025, March2025, November2025};

use super::cell::{Cell, VIOLATED};
use super::{along, basics, changes, questions, tasks};

/// Something that is looked at.
pub(super) struct Feature {
    pub(super) name: &'static str,
    /// Of a client of the first revision before a server of the second.
    pub(super) expected: fn(Revision, Revision) -> Expected,
    pub(super) check: fn(&Cell<'_>) -> Result<()>,
}

/// What is expected of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// It works.
    Works,
    /// It is refused, and this is part of what is said.
    Refused(&'static str),
    /// One of the two revisions has no such thing, so there is nothing to look at.
    NotInRevision,
}

use Expected::{NotInRevision, Refused, Works};

// === impl Expected ===

impl Expected {
    /// What is not as expected, if anything.
    pub(super) fn compare(self, said: &Result<()>) -> Option<String> {
        match (self, said) {
            (Works, Ok(())) => None,
            (Works, Err(error)) => Some(format!("{error:#}")),
            (Refused(part), Err(error)) => {
                let text = format!("{error:#}");
                let as_expected = text.contains(part) && !text.contains(VIOLATED);
                (!as_expected).then(|| format!("is refused, but with `{text}` and not with `{part}`"))
            }
            (Refused(_), Ok(())) => Some("works, but should be refused".to_owned()),
            (NotInRevision, _) => None,
        }
    }
}

fn everywhere(_: Revision, _: Revision) -> Expected {
    Works
}

fn legacy_clients(client: Revision, _: Revision) -> Expected {
    if client.modern() { NotInRevision } else { Works }
}

fn modern_clients(client: Revision, _: Revision) -> Expected {
    if client.modern() { Works } else { NotInRevision }
}

fn legacy_servers(_: Revision, server: Revision) -> Expected {
    if server.modern() { NotInRevision } else { Works }
}

fn modern_servers(_: Revision, server: Revision) -> Expected {
    if server.modern() { Works } else { NotInRevision }
}

fn servers_since_june(_: Revision, server: Revision) -> Expected {
    if server >= June2025 { Works } else { NotInRevision }
}

fn both_since_june(client: Revision, server: Revision) -> Expected {
    if client >= June2025 && server >= June2025 { Works } else { NotInRevision }
}

/// A form: older servers do not ask, and of older clients nobody asks.
fn forms(client: Revision, server: Revision) -> Expected {
    match (client, server) {
        (_, March2025) => NotInRevision,
        (March2025, _) => Refused(""),
        _ => Works,
    }
}

/// A page to visit.
fn pages(client: Revision, server: Revision) -> Expected {
    match (client, server) {
        (_, March2025 | June2025) => NotInRevision,
        (March2025 | June2025, _) => Refused(""),
        _ => Works,
    }
}

fn states(client: Revision, server: Revision) -> Expected {
    if client.modern() && server >= June2025 { Works } else { NotInRevision }
}

/// Tasks pass between client and server of the same form, and from one form to the other they do not.
fn tasks_of_one_form(client: Revision, server: Revision) -> Expected {
    match (client, server) {
        (November2025, November2025) | (July2026, July2026) => Works,
        (November2025, July2026) => Refused("tasks"),
        _ => NotInRevision,
    }
}

fn lists_of_tasks(client: Revision, server: Revision) -> Expected {
    if (client, server) == (November2025, November2025) { Works } else { NotInRevision }
}

fn told_tasks(client: Revision, server: Revision) -> Expected {
    if client == server && client >= November2025 { Works } else { NotInRevision }
}

/// A tool that is a task or nothing.
fn only_tasks(client: Revision, server: Revision) -> Expected {
    match (client, server) {
        (_, March2025 | June2025) => NotInRevision,
        (July2026, July2026) => Works,
        _ => Refused(""),
    }
}

const fn feature(
    name: &'static str,
    expected: fn(Revision, Revision) -> Expected,
    check: fn(&Cell<'_>) -> Result<()>,
) -> Feature {
    Feature { name, expected, check }
}

/// Everything that is looked at.
pub(super) const FEATURES: &[Feature] = &[
    feature("hello", everywhere, basics::hello),
    feature("ping", legacy_clients, basics::ping),
    feature("tools.list", everywhere, basics::tools_list),
    feature("tools.call", everywhere, basics::tools_call),
    feature("tools.structured", servers_since_june, basics::tools_structured),
    feature("tools.structured_any", modern_servers, basics::tools_structured_any),
    feature("tools.fail", everywhere, basics::tools_fail),
    feature("tools.broken", everywhere, basics::tools_broken),
    feature("tools.header", everywhere, basics::tools_header),
    feature("tools.unknown", everywhere, basics::tools_unknown),
    feature("methods.unknown", everywhere, basics::methods_unknown),
    feature("resources.list", everywhere, basics::resources_list),
    feature("resources.templates", everywhere, basics::resources_templates),
    feature("resources.read", everywhere, basics::resources_read),
    feature("resources.missing", everywhere, basics::resources_missing),
    feature("prompts.list", everywhere, basics::prompts_list),
    feature("prompts.get", everywhere, basics::prompts_get),
    feature("prompts.missing", everywhere, basics::prompts_missing),
    feature("completion.prompt", everywhere, basics::completion_prompt),
    feature("completion.resource", everywhere, basics::completion_resource),
    feature("completion.context", both_since_june, basics::completion_context),
    feature("meta", everywhere, along::meta),
    feature("extensions.unknown", modern_clients, along::extensions_unknown),
    feature("progress", everywhere, along::progress),
    feature("log", everywhere, along::log),
    feature("log.silent", modern_clients, along::log_silent),
    feature("log.wrong_level", everywhere, along::log_wrong_level),
    feature("cancel", everywhere, along::cancel),
    feature("changes.tools", everywhere, changes::tools),
    feature("changes.prompts", everywhere, changes::prompts),
    feature("changes.resources", everywhere, changes::resources),
    feature("changes.listed", everywhere, changes::listed_anew),
    feature("changes.subscribe", everywhere, changes::subscribe),
    feature("changes.unsubscribe", everywhere, changes::unsubscribe),
    feature("questions.form", forms, questions::form),
    feature("questions.declined", forms, questions::declined),
    feature("questions.url", pages, questions::url),
    feature("questions.url_first", pages, questions::url_first),
    feature("questions.model", everywhere, questions::model),
    feature("questions.roots", everywhere, questions::roots),
    feature("questions.twice", forms, questions::twice),
    feature("questions.at_once", forms, questions::at_once),
    feature("questions.without_state", forms, questions::without_state),
    feature("questions.come_again", modern_servers, questions::come_again),
    feature("questions.of_a_prompt", forms, questions::of_a_prompt),
    feature("questions.of_a_resource", forms, questions::of_a_resource),
    feature("questions.undeclared", everywhere, questions::undeclared),
    feature("questions.withdrawn", legacy_servers, questions::withdrawn),
    feature("state.tampered", states, questions::state_tampered),
    feature("state.replayed", states, questions::state_replayed),
    feature("state.of_other_arguments", states, questions::state_of_other_arguments),
    feature("state.unasked", states, questions::state_of_what_nobody_asked),
    feature("state.abandoned", states, questions::abandoned),
    feature("tasks.not_asked_for", everywhere, tasks::not_asked_for),
    feature("tasks.result", tasks_of_one_form, tasks::result),
    feature("tasks.fails", tasks_of_one_form, tasks::fails),
    feature("tasks.cancel", tasks_of_one_form, tasks::cancel),
    feature("tasks.asks", tasks_of_one_form, tasks::asks),
    feature("tasks.list", lists_of_tasks, tasks::list),
    feature("tasks.told", told_tasks, tasks::told),
    feature("tasks.only", only_tasks, tasks::only),
    feature("tasks.unknown", told_tasks, tasks::unknown),
    feature("tasks.of_a_stranger", told_tasks, tasks::of_a_stranger),
];
