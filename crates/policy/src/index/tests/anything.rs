//! The language of any policies at all: nothing is known of a question before it is there.

use cedar_policy::{Entities, EntityUid, EvalResult, Request};

use crate::index::pins::{Language, Path, Root, Slot};
use crate::index::words::{Finding, Lookup};

pub(super) struct Anything;

pub(super) struct Put<'q> {
    pub(super) request: &'q Request,
    pub(super) entities: &'q Entities,
}

impl Language for Anything {
    fn knows(&self, slot: &Slot) -> bool {
        !matches!(slot, Slot::Moment(_))
    }

    fn always(&self, _path: &Path) -> bool {
        false
    }

    fn checked(&self) -> bool {
        false
    }
}

impl Lookup for Anything {
    type Place = Slot;
    type Question<'q> = Put<'q>;

    fn place(&self, slot: &Slot) -> Option<Slot> {
        Some(slot.clone())
    }

    fn look(&self, slot: &Slot, put: &Put<'_>, found: &mut Finding<'_>) -> bool {
        match slot {
            Slot::Kind(root) => found.kind(&put.variable(*root).type_name().to_string()),
            Slot::Within(root) => {
                let uid = put.variable(*root);
                entity(uid, found);
                put.entities.ancestors(uid).into_iter().flatten().for_each(|uid| entity(uid, found));
            }
            Slot::Is(path) if *path == Path::of(Root::Context) => {}
            Slot::Is(path) => match put.value(path) {
                Some(value) => word(&value, found),
                None => return false,
            },
            Slot::Truth(path) => match put.value(path) {
                Some(EvalResult::Bool(truth)) => found.truth(truth),
                _ => return false,
            },
            Slot::Holds(path) => match put.value(path) {
                Some(EvalResult::Set(members)) => members.iter().for_each(|member| word(member, found)),
                _ => return false,
            },
            Slot::Moment(_) => return false,
        }
        true
    }

    fn same(&self, one: &Slot, other: &Slot, put: &Put<'_>) -> Option<bool> {
        let Slot::Is(other) = other else { return None };
        let other = put.value(other).filter(is_plain)?;
        match one {
            Slot::Is(path) => Some(put.value(path).filter(is_plain)? == other),
            Slot::Holds(path) => match put.value(path)? {
                EvalResult::Set(members) => Some(members.iter().any(|member| *member == other)),
                _ => None,
            },
            _ => None,
        }
    }

    fn whole(&self, slot: &Slot, put: &Put<'_>) -> Option<i64> {
        let Slot::Is(path) = slot else { return None };
        match put.value(path)? {
            EvalResult::Long(whole) => Some(whole),
            _ => None,
        }
    }
}

/// Whether it is equal to what is written in the same way, and to nothing else.
fn is_plain(value: &EvalResult) -> bool {
    matches!(value, EvalResult::Bool(_) | EvalResult::Long(_) | EvalResult::String(_) | EvalResult::EntityUid(_))
}

impl Put<'_> {
    fn variable(&self, root: Root) -> &EntityUid {
        match root {
            Root::Principal => self.request.principal(),
            Root::Action => self.request.action(),
            Root::Resource => self.request.resource(),
            Root::Context => None,
        }
        .expect("an entity")
    }

    fn value(&self, path: &Path) -> Option<EvalResult> {
        let mut attributes = path.attributes.iter();
        let mut value = match path.root {
            Root::Context => self.request.context()?.get(attributes.next()?)?,
            root => EvalResult::EntityUid(self.variable(root).clone()),
        };
        for attribute in attributes {
            value = match value {
                EvalResult::EntityUid(uid) => self.entities.get(&uid)?.attr(attribute)?.ok()?,
                EvalResult::Record(record) => record.get(attribute)?.clone(),
                _ => return None,
            };
        }
        Some(value)
    }
}

fn word(value: &EvalResult, found: &mut Finding<'_>) {
    match value {
        EvalResult::Bool(truth) => found.truth(*truth),
        EvalResult::Long(whole) => found.whole(*whole),
        EvalResult::String(text) => found.text(text),
        EvalResult::EntityUid(uid) => entity(uid, found),
        _ => {}
    }
}

fn entity(uid: &EntityUid, found: &mut Finding<'_>) {
    found.entity(&uid.type_name().to_string(), uid.id().unescaped());
}
