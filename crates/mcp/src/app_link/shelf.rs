//! What an app offers, as one link sees it.
//!
//! All see what the gateway's own link sees, until the link of a pair says that its lists have changed: a server with a
//! session may offer other things in each.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use super::{AppLink, Pair};
use crate::catalog::{Catalog, Others};
use crate::kept::{Kept, Said};
use crate::upstream::{Changed, Link, ListOf};

/// Lists as one link sees them.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) tools: Kept<Catalog>,
    resources: Kept<Others>,
    templates: Kept<Others>,
    prompts: Kept<Others>,
    /// The link of a pair; none for the gateway's own.
    pub(super) of: Weak<Link>,
}

impl Shelf {
    pub(super) fn kept(&self, what: ListOf) -> &Kept<Others> {
        match what {
            ListOf::Resources => &self.resources,
            ListOf::Templates => &self.templates,
            ListOf::Tools | ListOf::Prompts => &self.prompts,
        }
    }

    pub(super) fn forget(&self) {
        drop(self.tools.forget());
        drop((self.resources.forget(), self.templates.forget(), self.prompts.forget()));
    }

    /// Lets what changed be asked for again. Gives the tools as they were, where these changed.
    pub(super) fn outdated(&self, changed: Changed) -> Option<Arc<Said<Catalog>>> {
        match changed {
            Changed::Tools => return self.tools.forget(),
            Changed::Resources => drop((self.resources.forget(), self.templates.forget())),
            Changed::Prompts => drop(self.prompts.forget()),
        }
        None
    }
}

impl AppLink {
    /// What this pair sees.
    pub(super) fn shelf(&self, pair: Option<&Pair>) -> Arc<Shelf> {
        // Nearly always there are none, and nothing is locked.
        let Some(pair) = pair.filter(|_| self.any_shelves.load(Ordering::Acquire)) else {
            return Arc::clone(&self.shelf);
        };
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        match shelves.get(pair) {
            Some(shelf) if shelf.of.upgrade().is_some_and(|link| link.alive()) => Arc::clone(shelf),
            Some(_) => {
                shelves.remove(pair);
                Arc::clone(&self.shelf)
            }
            None => Arc::clone(&self.shelf),
        }
    }

    /// The pair sees from now on what this link of its own shows.
    pub(super) fn shelf_of_its_own(&self, pair: &Pair, link: &Weak<Link>) -> Arc<Shelf> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shelf) = shelves.get(pair).filter(|shelf| shelf.of.ptr_eq(link)) {
            return Arc::clone(shelf);
        }
        let shelf = Arc::new(Shelf { of: link.clone(), ..Shelf::default() });
        shelves.insert(pair.clone(), Arc::clone(&shelf));
        self.any_shelves.store(true, Ordering::Release);
        shelf
    }
}
