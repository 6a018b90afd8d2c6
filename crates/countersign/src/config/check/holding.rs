//! How calls wait for people.

use std::time::Duration;

use model::limits::{Escalation, HOLD_ESCALATIONS_MAX, HOLD_PACE_MAX, Pace};
use model::{DirectorySnapshot, HumanId};
use serde_saphyr::Spanned;

use super::super::raw::{RawEmergency, RawEscalation};
use super::Checker;

impl Checker<'_> {
    /// Who may approve, too, after some time: each step later than the one before it.
    pub(super) fn escalation(
        &mut self,
        raw: &[Spanned<RawEscalation>],
        directory: &DirectorySnapshot,
    ) -> Vec<Escalation> {
        if let Some(written) = raw.get(HOLD_ESCALATIONS_MAX) {
            self.problem(written, format!("a call is given to others {HOLD_ESCALATIONS_MAX} times at most"), None);
        }
        let mut steps: Vec<Escalation> = Vec::new();
        for step in raw.iter().map(|step| &step.value) {
            let after = self.time(Some(&step.after), HOLD_TIMES.0, HOLD_TIMES);
            if steps.last().is_some_and(|before| after <= before.after) {
                let said = format!("`{}` is not later than the step before", step.after.value);
                self.problem(&step.after, said, None);
            }
            let to: Vec<String> = step.to.iter().filter_map(|one| self.approver(one, directory)).collect();
            if step.to.is_empty() {
                self.problem(
                    &step.after,
                    "this step gives it to nobody".to_owned(),
                    Some("add `to: [role:…]`".to_owned()),
                );
            }
            steps.push(Escalation { after, to });
        }
        steps
    }

    /// How often one person is asked before others are: `60/hour`.
    pub(super) fn pace(&mut self, written: Option<&Spanned<String>>) -> Option<Pace> {
        let written = written?;
        let of = |text: &str| {
            let (number, unit) = text.split_once('/')?;
            let seconds = match unit.trim() {
                "minute" => 60,
                "hour" => 60 * 60,
                "day" => 24 * 60 * 60,
                _ => return None,
            };
            let most = number.trim().parse().ok().filter(|most| (1..=HOLD_PACE_MAX).contains(most))?;
            Some(Pace { most, within: Duration::from_secs(seconds) })
        };
        let pace = of(&written.value);
        if pace.is_none() {
            let said = format!("`{}` does not say how often", written.value);
            let hint = format!("it takes 1 to {HOLD_PACE_MAX}, a slash, and `minute`, `hour` or `day`: `60/hour`");
            self.problem(written, said, Some(hint));
        }
        pace
    }

    /// Who may open an emergency: people by themselves or by role, for it is of no app and of no requester.
    pub(super) fn emergency(&mut self, raw: Option<&RawEmergency>, directory: &DirectorySnapshot) -> Vec<String> {
        let Some(raw) = raw else { return Vec::new() };
        let mut named = Vec::new();
        for written in &raw.approvers {
            let Some(word) = self.approver(written, directory) else { continue };
            if word.contains(':') {
                named.push(word);
                continue;
            }
            let said = format!("`{word}` opens no emergency, which is of no app and of no requester");
            self.problem(written, said, Some("write `role:NAME` or `human:ID`".to_owned()));
        }
        named
    }

    /// A word that names approvers, as rules have them.
    fn approver(&mut self, written: &Spanned<String>, directory: &DirectorySnapshot) -> Option<String> {
        let word = written.value.as_str();
        let known = match word.split_once(':') {
            None => matches!(word, "owner-of-app" | "manager-of" | "manager-of-human"),
            Some(("role", role)) => !role.is_empty(),
            Some(("human", id)) => HumanId::parse(id).is_ok_and(|id| directory.humans.contains_key(&id)),
            Some(_) => false,
        };
        if known {
            return Some(word.to_owned());
        }
        let hint = "it takes `role:NAME`, `human:ID` of somebody in `people:`, `owner-of-app` or `manager-of`";
        self.problem(written, format!("`{word}` names no approver"), Some(hint.to_owned()));
        None
    }
}

/// How long an approval for a task lasts; zero: there are none.
pub(super) const FOR_TASK_TIMES: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(24 * 60 * 60));
/// How long a call may wait for people.
pub(super) const HOLD_TIMES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(7 * 24 * 60 * 60));
/// How long a client may be kept waiting meanwhile: most clients give up after a minute.
pub(super) const HOLD_WAITS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(60 * 60));
