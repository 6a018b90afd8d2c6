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

    /// The pair sees from now on what its own link shows. None: it has no link that remembers anything.
    pub(super) fn shelf_of_its_own(&self, pair: &Pair) -> Option<Arc<Shelf>> {
        let shelf = self.shelf(Some(pair));
        if shelf.of.upgrade().is_some() {
            return Some(shelf);
        }
        let link = {
            let pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
            let mut links =
                pairs.iter().filter(|((of, _), _)| of == pair).filter_map(|(_, slot)| slot.link.load_full());
            links.find(|link| link.alive() && !link.keeps_nothing())?
        };
        let shelf = Arc::new(Shelf { of: Arc::downgrade(&link), ..Shelf::default() });
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner).insert(pair.clone(), Arc::clone(&shelf));
        self.any_shelves.store(true, Ordering::Release);
        Some(shelf)
    }
}
