//! The keys of an object, and members as they mostly are.

use std::hash::{DefaultHasher, Hasher};

use model::limits::RELEASE_KEYS_MAX;

use super::{Hand, Key, KeyIs, Step, Stream};
use crate::error::Problem;
use crate::release::filter::Stop;
use crate::release::shapes::Fate;
use crate::release::token::{self, Reach};
use crate::text::unescape;

// === impl Stream ===

impl Stream {
    /// Members as they mostly are: keys as in the object before, values that are plain. False: the next is not the first.
    pub(super) fn plain_members(&mut self, hand: &mut Hand<'_, '_>, mut first: bool) -> Result<bool, Stop> {
        let Some(frame) = self.frames.last_mut().filter(|frame| frame.is_object && !frame.is_map) else {
            return Ok(first);
        };
        let bytes = hand.bytes;
        for entry in self.shapes.entries(frame.shape).get(frame.next as usize..).unwrap_or_default() {
            let lead = hand.at;
            let mut from = lead;
            if !first {
                match bytes.get(lead..lead + 2) {
                    Some([b',', b'"']) => from = lead + 1,
                    Some(b", ") => from = lead + 2,
                    _ => break,
                }
            }
            let Some(mut at) = entry.stands(bytes, from) else { break };
            at += usize::from(bytes.get(at) == Some(&b' '));
            let bit = 1 << frame.next;
            let (Some(end), true) = (token::plain(bytes, at), entry.fate != Fate::Other && frame.seen & bit == 0)
            else {
                break;
            };
            frame.seen |= bit;
            frame.next += 1;
            frame.count += 1;
            first = false;
            hand.at = end;
            if entry.fate == Fate::Copied {
                if !self.copies {
                    self.copies = true;
                    hand.from = from;
                    if frame.filled {
                        self.sink.write(b",", hand.out).map_err(|problem| Stop::at(lead, problem))?;
                    }
                }
                frame.filled = true;
                continue;
            }
            self.summary.unnamed += u64::from(entry.fate == Fate::Unnamed);
            if self.copies {
                self.copies = false;
                let run = bytes.get(hand.from..lead).unwrap_or_default();
                self.sink.write(run, hand.out).map_err(|problem| Stop::at(lead, problem))?;
            }
        }
        if !first {
            self.step = Step::Next;
        }
        Ok(first)
    }

    /// Reads a key. None: more bytes are wanted. Remembers nothing that reading it again would not find so.
    #[inline]
    pub(super) fn key(&mut self, bytes: &[u8], at: usize, last: bool) -> Result<Option<Key>, Stop> {
        let Some(frame) = self.frames.last() else { return Ok(None) };
        match bytes.get(at) {
            Some(b'"') => {}
            Some(_) => return Err(token::unexpected(bytes, at, "a key")),
            None => return Ok(None),
        }
        if frame.count as usize >= RELEASE_KEYS_MAX {
            return Err(Stop::at(at, Problem::TooManyKeys(RELEASE_KEYS_MAX)));
        }
        if !frame.is_map
            && let Some(entry) = self.shapes.entry(frame.shape, frame.next)
            && frame.seen >> frame.next & 1 == 0
            && let Some(behind) = entry.stands(bytes, at)
        {
            return Ok(Some(Key { behind: behind - 1, action: entry.action, is: KeyIs::Known(frame.next) }));
        }
        self.another_key(bytes, at, last)
    }

    /// A key that is not the one that was expected.
    pub(super) fn another_key(&mut self, bytes: &[u8], at: usize, last: bool) -> Result<Option<Key>, Stop> {
        let Reach::To(behind, escaped) = token::string(bytes, at + 1, last)? else { return Ok(None) };
        let inner = bytes.get(at + 1..behind - 1).unwrap_or_default();
        let inner = str::from_utf8(inner).map_err(|_| Stop::at(at, Problem::Utf8))?;
        let name = unescape(inner, escaped);
        let Some(frame) = self.frames.last_mut() else { return Ok(None) };
        if !frame.is_map {
            let known = self.shapes.find(frame.shape, frame.next, name.as_bytes());
            if known.is_some_and(|index| frame.seen >> index & 1 == 1) {
                return Err(Stop::at(at, Problem::duplicate_key(&name)));
            }
            let known = known.or_else(|| self.shapes.learn(frame.shape, &name, &self.release.automaton));
            if let Some(index) = known
                && let Some(entry) = self.shapes.entry(frame.shape, index)
            {
                return Ok(Some(Key { behind, action: entry.action, is: KeyIs::Known(index) }));
            }
            // The shape is full. Those keys that were there are digested, too.
            frame.is_map = true;
            let seen = (0..u128::BITS).filter(|bit| frame.seen >> bit & 1 == 1);
            self.keys
                .extend(seen.filter_map(|bit| self.shapes.entry(frame.shape, bit)).map(|entry| digest(entry.name())));
        }
        let action = self.release.automaton.key(frame.action.state, &name);
        Ok(Some(Key { behind, action, is: KeyIs::Digest(digest(name.as_bytes())) }))
    }

    #[inline]
    pub(super) fn take_key(&mut self, key: Option<KeyIs>) {
        let (Some(key), Some(frame)) = (key, self.frames.last_mut()) else { return };
        frame.count += 1;
        match key {
            KeyIs::Known(index) => {
                frame.seen |= 1 << index;
                frame.next = index + 1;
            }
            KeyIs::Digest(digest) => self.keys.push(digest),
        }
    }

    /// Digests are as good as the keys: two that are alike by accident are refused, too, and never let through.
    pub(super) fn no_key_twice(&mut self, from: usize) -> Result<(), Problem> {
        let keys = self.keys.get_mut(from..).unwrap_or_default();
        keys.sort_unstable();
        let twice = keys.windows(2).any(|pair| pair.first() == pair.last());
        self.keys.truncate(from);
        if twice { Err(Problem::duplicate_key("…")) } else { Ok(()) }
    }
}

fn digest(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}
