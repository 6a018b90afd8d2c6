//! The keys of objects as they were seen before, in their order: the next record mostly has the same.
//!
//! A key that stands where it stood in the record before is one comparison: no hash, and no look for another key of the same
//! text, because those of a shape are all different.

use std::sync::Mutex;

use super::automaton::{Automaton, Out};

/// All shapes of one answer. Bounded: what does not fit is looked up each time.
#[derive(Debug)]
pub(super) struct Shapes {
    shapes: Vec<Shape>,
    bytes: usize,
}

#[derive(Debug)]
struct Shape {
    /// The state of the automaton whose actions stand in it.
    state: u32,
    entries: Vec<Entry>,
    /// Whether its objects have too many different keys to be remembered.
    is_map: bool,
    /// The shape of objects in a map.
    any: Option<u32>,
}

/// A key.
#[derive(Debug)]
pub(super) struct Entry {
    /// The key between its quotes, with the colon: as it is mostly written.
    written: Box<[u8]>,
    /// Whether it can be written so.
    plain: bool,
    pub(super) fate: Fate,
    pub(super) action: u32,
    child: Option<u32>,
}

/// What one answer teaches for the next one of the same release.
#[derive(Debug, Default)]
pub(super) struct Learned(Mutex<Option<Shapes>>);

/// What becomes of a plain value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Copied,
    /// Nothing names it.
    Unnamed,
    /// It stands in something that is not let out.
    Inside,
    /// It takes a closer look.
    Other,
}

/// Which shape an object has; none: it is looked up.
pub(super) type ShapeId = u32;

/// The answer itself.
pub(super) const ROOT_SHAPE: ShapeId = 0;
pub(super) const NO_SHAPE: ShapeId = u32::MAX;
/// Keys of a shape: as many as a frame has bits.
pub(super) const ENTRIES_MAX: usize = 128;
const SHAPES_MAX: usize = 512;
const BYTES_MAX: usize = 64 * 1024;

// === impl Learned ===

impl Learned {
    /// What there is, for whoever comes first.
    pub(super) fn take(&self) -> Option<Shapes> {
        self.0.try_lock().ok()?.take()
    }

    pub(super) fn put(&self, shapes: Shapes) {
        if let Ok(mut learned) = self.0.try_lock() {
            *learned = Some(shapes);
        }
    }
}

/// What was learned makes no difference to what is let out.
impl PartialEq for Learned {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Learned {}

// === impl Entry ===

impl Entry {
    /// Behind the key and its colon, if they stand here as they mostly do.
    #[inline]
    pub(super) fn stands(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let rest = bytes.get(at..)?;
        (self.plain && rest.starts_with(&self.written)).then_some(at + self.written.len())
    }

    pub(super) fn name(&self) -> &[u8] {
        self.written.get(1..self.written.len() - 2).unwrap_or_default()
    }
}

// === impl Shapes ===

impl Shapes {
    /// None, and no room for any.
    pub(super) const fn nothing() -> Self {
        Self { shapes: Vec::new(), bytes: BYTES_MAX }
    }

    /// With that of the answer itself, whose state is given.
    pub(super) fn new(state: u32) -> Self {
        let mut shapes = Self { shapes: Vec::new(), bytes: 0 };
        shapes.add(state);
        shapes
    }

    /// A new shape, if there is room.
    fn add(&mut self, state: u32) -> ShapeId {
        if self.shapes.len() >= SHAPES_MAX {
            return NO_SHAPE;
        }
        self.shapes.push(Shape { state, entries: Vec::new(), is_map: false, any: None });
        u32::try_from(self.shapes.len() - 1).unwrap_or(NO_SHAPE)
    }

    /// Whether it was laid out for this state.
    pub(super) fn is_of(&self, shape: ShapeId, state: u32) -> bool {
        self.shape(shape).is_some_and(|shape| shape.state == state)
    }

    /// Whether keys of its objects are remembered.
    pub(super) fn remembers(&self, shape: ShapeId) -> bool {
        self.shape(shape).is_some_and(|shape| !shape.is_map)
    }

    /// The keys of a shape.
    #[inline]
    pub(super) fn entries(&self, shape: ShapeId) -> &[Entry] {
        self.shape(shape).map_or(&[], |shape| &shape.entries)
    }

    /// Whether all that was seen is remembered, so that the next answer may begin with it.
    pub(super) fn are_whole(&self) -> bool {
        self.shapes.len() < SHAPES_MAX && !self.shapes.iter().any(|shape| shape.is_map)
    }

    #[inline]
    pub(super) fn entry(&self, shape: ShapeId, index: u32) -> Option<&Entry> {
        self.shape(shape)?.entries.get(index as usize)
    }

    /// Which entry has this name; looks from `from` on first.
    pub(super) fn find(&self, shape: ShapeId, from: u32, name: &[u8]) -> Option<u32> {
        let entries = &self.shape(shape)?.entries;
        let (before, behind) = entries.split_at_checked(from as usize)?;
        let is = |entry: &Entry| entry.name() == name;
        let found = behind.iter().position(is).map(|index| index + before.len());
        found.or_else(|| before.iter().position(is)).and_then(|index| u32::try_from(index).ok())
    }

    /// Remembers a key that the shape has not. None: no room, and from now on its objects are maps.
    pub(super) fn learn(&mut self, shape: ShapeId, name: &str, automaton: &Automaton) -> Option<u32> {
        let fits = self.bytes + name.len() <= BYTES_MAX;
        let known = self.shapes.get_mut(shape as usize)?;
        if known.entries.len() >= ENTRIES_MAX || !fits {
            known.is_map = true;
            return None;
        }
        self.bytes += name.len();
        let plain = name.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
        let written = [b"\"", name.as_bytes(), b"\":"].concat().into();
        let number = automaton.key(known.state, name);
        let action = automaton.action(number);
        let fate = match action.out {
            _ if action.each | action.whole != 0 => Fate::Other,
            Out::Keep => Fate::Copied,
            Out::Unnamed => Fate::Unnamed,
            Out::Inside => Fate::Inside,
            Out::Walk | Out::Remove(_) | Out::Total(_) | Out::Rows => Fate::Other,
        };
        known.entries.push(Entry { written, plain, fate, action: number, child: None });
        u32::try_from(known.entries.len() - 1).ok()
    }

    /// The shape of objects that stand as the value of this key; of any key, where there is none. `state` is theirs.
    pub(super) fn below(&mut self, shape: ShapeId, entry: Option<u32>, state: u32) -> ShapeId {
        let known = match (self.shape(shape), entry) {
            (None, _) => return NO_SHAPE,
            (Some(known), None) => known.any,
            (Some(known), Some(index)) => match known.entries.get(index as usize) {
                Some(entry) => entry.child,
                None => return NO_SHAPE,
            },
        };
        if let Some(child) = known {
            return child;
        }
        let child = self.add(state);
        if let Some(known) = self.shapes.get_mut(shape as usize) {
            match entry.and_then(|index| known.entries.get_mut(index as usize)) {
                Some(entry) => entry.child = Some(child),
                None => known.any = Some(child),
            }
        }
        child
    }

    fn shape(&self, shape: ShapeId) -> Option<&Shape> {
        self.shapes.get(shape as usize)
    }
}
