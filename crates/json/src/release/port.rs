//! The port through which whoever carries an answer applies a release to it.

use model::{Blame, Fault, Form, Released};

use super::{Filter, FilterError, FilterProblem, Release, Summary};

// === impl Release ===

impl model::Release for Release {
    fn filter(&self, form: Form) -> Result<Box<dyn model::Filter>, Fault> {
        Ok(Box::new(Filter::new(self, form)))
    }

    fn records_max(&self) -> Option<u64> {
        Some(self.0.records_max).filter(|most| *most < u64::MAX)
    }
}

// === impl Filter ===

impl model::Filter for Filter {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        Self::push(self, bytes, out).map_err(fault)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Released, Fault> {
        Self::finish(self, out).map(|summary| released(&summary)).map_err(fault)
    }

    fn so_far(&self) -> Released {
        released(&self.summary())
    }
}

fn released(summary: &Summary) -> Released {
    let removed = summary.removed.iter().sum::<u64>() + summary.unnamed;
    Released { rows: summary.records, dropped: summary.dropped, removed }
}

/// What went wrong, without a word of what stands in the answer: that is in the cause, which stays here.
fn fault(error: FilterError) -> Fault {
    let (blame, code, said) = match error.problem() {
        FilterProblem::Outside(_) | FilterProblem::Whole(_) => {
            (Blame::Rule, "rule.outside", error.problem().to_string())
        }
        FilterProblem::Counted => {
            let fault = Fault::new(Blame::Rule, "rule.counted", error.problem().to_string()).because(error);
            return fault
                .hint("ask for it in a way in which the app counts nothing, or have the contract take counts out");
        }
        FilterProblem::RecordTooLarge(_)
        | FilterProblem::BodyTooLarge(_)
        | FilterProblem::TooManyRecords(_)
        | FilterProblem::TooManyBytes(_) => (Blame::Rule, "rule.limit", error.problem().to_string()),
        FilterProblem::Shape(said) | FilterProblem::Csv(said) => {
            (Blame::Upstream, "upstream.garbage", (*said).to_owned())
        }
        FilterProblem::Json(_) | FilterProblem::TokenTooLong(_) => {
            (Blame::Upstream, "upstream.garbage", "its answer is not the JSON that is read here".to_owned())
        }
        FilterProblem::Stopped => (Blame::Bug, "bug.stopped", error.problem().to_string()),
    };
    Fault::new(blame, code, said).because(error)
}

#[cfg(test)]
mod tests;
