//! How often, how many at once, how many times again: what a rule lets a caller use up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::RuleId;

/// What calls count against. Of a budget that is used up the facts say so ([`Facts::spent`](crate::Facts::spent)); what
/// follows from that is the rule's to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Budget {
    /// The rule that sets it: its id is the budget's, too.
    pub rule: RuleId,
    /// What is counted, and how much of it there is.
    pub of: BudgetOf,
    /// Who shares it.
    pub per: BudgetPer,
}

/// What is counted, and how much of it there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BudgetOf {
    /// Calls that ran, in any stretch of time this long.
    Calls {
        /// How many.
        most: u32,
        /// How long the stretch is.
        within: Duration,
    },
    /// The same call (tool and arguments) again, in the same task, after it failed.
    Retries {
        /// How many times again.
        most: u32,
    },
    /// Calls under way at the same time.
    Concurrency {
        /// How many.
        most: u32,
    },
    /// Records that were let out, in any stretch of time this long. A call takes as many as it can bring back at most, and
    /// gives back what it did not; one of which nobody knows how many it can bring back has nothing to take.
    Records {
        /// How many.
        most: u32,
        /// How long the stretch is.
        within: Duration,
    },
    /// Bytes of answers that were let out, in any stretch of time this long, counted in whole KiB.
    Bytes {
        /// How many.
        most: u64,
        /// How long the stretch is.
        within: Duration,
    },
}

/// Who shares a budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetPer {
    /// One agent on one app.
    #[default]
    Pair,
    /// All that is done for one person.
    Human,
    /// All that one agent does.
    Agent,
    /// All that is done in one task.
    Task,
    /// All that is done on one app.
    App,
    /// All that is done under one contract. No rule file says so.
    Contract,
}
