//! Telling people: what they were told, what is passed over, and who is to be tried again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::UnixMicros;
use notify::{Notice, Teller};

use super::{Untaken, Why};
use crate::item::Item;
use crate::limits::{LATE_MAX, LATE_REST_MAX_US, LATE_REST_MIN_US, LATE_TRIES_MAX, REFUSALS_MAX};

/// What people were told of the records behind the place of a sink.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// Of these they were told, or there was nothing to tell.
    told: BTreeSet<u64>,
    /// How often a message was refused that tells of a record.
    refused: BTreeMap<u64, u32>,
    /// Messages that some got, and some did not yet. They are not kept over a restart.
    late: VecDeque<Late>,
}

/// A message for those whom it did not reach with the others.
#[derive(Debug)]
struct Late {
    notice: Notice,
    to: Vec<String>,
    tries: u32,
    again_at_us: i64,
}

impl People {
    /// The first of these that they were not told of.
    pub(crate) fn first_untold(&self, items: &[Item]) -> Option<u64> {
        items.iter().map(|item| item.entry.sequence).find(|sequence| !self.told.contains(sequence))
    }

    /// The place moved on: what stands up to it is of no interest any more.
    pub(crate) fn moved_to(&mut self, place: u64) {
        self.told.retain(|sequence| *sequence > place);
        self.refused.retain(|sequence, _| *sequence > place);
    }

    /// Tells the next message. What is worth none counts as told.
    pub(super) async fn tell(
        &mut self,
        teller: &Teller,
        items: &[Item],
        now: UnixMicros,
    ) -> Result<Option<String>, Untaken> {
        let untold = || items.iter().map(|item| &item.entry).filter(|entry| !self.told.contains(&entry.sequence));
        let notices = teller.notices(untold(), now);
        let silent: Vec<u64> = untold()
            .map(|entry| entry.sequence)
            .filter(|sequence| !notices.iter().any(|notice| notice.records.contains(sequence)))
            .collect();
        self.told.extend(silent);
        let Some(notice) = notices.into_iter().next() else { return Ok(None) };
        match teller.tell(&notice, now).await {
            Ok(told) => {
                self.told.extend(&notice.records);
                let over = self.keep(Late { notice, to: told.later, tries: 0, again_at_us: 0 }, now);
                Ok(over.or(told.remark))
            }
            Err(untold) => {
                let why = if untold.refused { Why::Refused(notice.records) } else { Why::NotNow };
                Err(Untaken { said: untold.said, again_after: untold.again_after, why })
            }
        }
    }

    /// Counts a refusal; gives back which records are passed over now. What is refused time and again would keep everybody from
    /// hearing of anything else.
    ///
    /// INVARIANT: a record is passed over only after messages that tell of it were refused so often, however many others came to
    /// stand in them (`a_message_that_is_refused_keeps_nobody_from_hearing_the_others`).
    pub(crate) fn refused(&mut self, records: &[u64]) -> Vec<u64> {
        let mut given_up = Vec::new();
        for record in records {
            let times = self.refused.entry(*record).or_default();
            *times = times.saturating_add(1);
            if *times >= REFUSALS_MAX {
                given_up.push(*record);
            }
        }
        self.told.extend(&given_up);
        given_up
    }

    /// Whether somebody is to be tried again now.
    pub(crate) fn is_late(&self, now: UnixMicros) -> bool {
        self.late.iter().any(|late| late.again_at_us <= now.0)
    }

    /// Tries those again whom one message did not reach. Whom it will never reach is told as a sentence.
    pub(super) async fn tell_late(&mut self, teller: &Teller, now: UnixMicros) -> Option<String> {
        let due = self.late.iter().position(|late| late.again_at_us <= now.0)?;
        let late = self.late.remove(due)?;
        match teller.tell_later(&late.notice, &late.to, now).await {
            Ok(told) => {
                let remark = told.remark.filter(|_| told.later.is_empty());
                self.keep(Late { to: told.later, ..late }, now).or(remark)
            }
            Err(untold) if untold.refused => Some(late.given_up(&untold.said)),
            Err(_) => self.keep(late, now),
        }
    }

    /// Keeps a message for another time, if there is anybody for it. Who will not get it after all is told as a sentence.
    fn keep(&mut self, late: Late, now: UnixMicros) -> Option<String> {
        if late.to.is_empty() {
            return None;
        }
        if late.tries >= LATE_TRIES_MAX {
            return Some(late.given_up("their server put it off every time"));
        }
        let rest = LATE_REST_MIN_US.saturating_mul(1 << late.tries).min(LATE_REST_MAX_US);
        self.late.push_back(Late { tries: late.tries + 1, again_at_us: now.0.saturating_add(rest), ..late });
        let oldest = if self.late.len() > LATE_MAX { self.late.pop_front() } else { None };
        oldest.map(|late| late.given_up("there are too many that wait"))
    }
}

impl Late {
    fn given_up(&self, why: &str) -> String {
        format!("`{}` do not hear of {:?}: {why}", self.to.join("`, `"), self.notice.holds)
    }
}
