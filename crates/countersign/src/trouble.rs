//! What goes on failing: told when it begins, now and then while it lasts, and when it is over.

use std::time::{Duration, Instant};

/// One thing that may fail for a while.
#[derive(Debug, Default)]
pub struct Trouble {
    /// When it was last told that it lasts.
    told: Option<Instant>,
    /// Whether it is still to be told that it is over.
    open: bool,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It has begun, or goes on.
    Lasts,
    /// It works again.
    Over,
}

impl Trouble {
    /// What is to be told now that somebody has looked. However often it comes and goes, each is told once a minute at most.
    pub fn look(&mut self, lasts: bool, now: Instant) -> Option<News> {
        if !lasts {
            return std::mem::take(&mut self.open).then_some(News::Over);
        }
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < TOLD_EVERY) {
            return None;
        }
        (self.told, self.open) = (Some(now), true);
        Some(News::Lasts)
    }
}

const TOLD_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
