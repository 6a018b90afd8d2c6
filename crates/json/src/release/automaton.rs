//! All paths of a plan at once: where each key leads, worked out before the first answer comes.
//!
//! The paths are patterns over keys, and a state is the set of places in them that a walk has reached: the subset
//! construction of a deterministic automaton. A walk looks up one key at a time, whatever the number of paths.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::path::{Path, Segment, wrong};
use super::{Fields, How, ReleaseError, ReleasePlan, Tell, laid_out};

/// What becomes of the value of a key, and of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) out: Out,
    /// Conditions on this record that look at this value, by bit.
    pub(super) each: u64,
    /// Conditions on the answer that look at it, by bit.
    pub(super) whole: u64,
    /// Where the keys of an object in its place lead.
    pub(super) state: u32,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Out {
    /// Let out, but for what is excluded in it.
    Keep,
    /// Only the way to something that is let out: objects, lists and `null` are; other values are not.
    Walk,
    /// Not let out: nothing names it.
    Unnamed,
    /// Not let out, whatever is in it.
    Inside,
    /// Excluded.
    Remove(u16),
    /// A count.
    Total(u16),
    /// The records.
    Rows,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Automaton {
    states: Vec<State>,
    actions: Vec<Action>,
    /// The answer.
    root: u32,
    /// What becomes of a record as such.
    record: Out,
    /// The action that takes something out, by exclusion.
    removals: Vec<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// By name.
    named: BTreeMap<Box<str>, u32>,
    /// Any other key.
    other: u32,
    /// An exclusion that has begun and goes on below.
    begun: Option<u16>,
}

/// What is excluded of a path that is laid out in one name.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LaidOut {
    /// What excludes all that stands under that name.
    pub(super) removed: Option<u16>,
    /// What excludes something that may be in it.
    pub(super) begun: Option<u16>,
}

/// What a pattern is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Rows,
    Around,
    Total(u16),
    Whole(u8),
    Field,
    Removed(u16),
    Each(u8),
}

struct Pattern {
    segments: Vec<Segment>,
    role: Role,
}

/// A state before it has a number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Reached {
    /// Places in patterns: which, and how many names of it are behind.
    places: Vec<(u16, u16)>,
    in_record: bool,
    /// Whether all here is let out that is not excluded.
    full: bool,
    /// Whether nothing here is let out.
    silent: bool,
}

struct Builder<'p> {
    plan: &'p ReleasePlan,
    patterns: Vec<Pattern>,
    known: HashMap<Reached, u32>,
    states: Vec<State>,
    actions: Vec<Action>,
    waiting: Vec<(Reached, u32)>,
}

/// Error: a path that is none, or too much. Gives, too, whether the records are items of a list.
pub(super) fn compile(plan: &ReleasePlan) -> Result<(Automaton, bool), ReleaseError> {
    let rows = Path::of_answer(&plan.rows)?;
    let listed = rows.listed;
    let mut builder = Builder {
        plan,
        patterns: patterns(plan, &rows)?,
        known: HashMap::new(),
        states: Vec::new(),
        actions: Vec::new(),
        waiting: Vec::new(),
    };
    let answer = builder.answer_begins();
    let (out, begins) =
        if rows.segments.is_empty() { (Out::Rows, builder.record_begins(&answer.places)) } else { (Out::Walk, answer) };
    let state = builder.number(begins)?;
    let root = builder.act(Action { out, each: 0, whole: 0, state });
    let record = match plan.fields {
        Fields::Every => Out::Keep,
        Fields::Only(_) => Out::Walk,
    };
    let silent = builder.number(Reached { in_record: true, silent: true, ..Reached::default() })?;
    let removals = (0..plan.removed.len())
        .map(|which| builder.act(Action { out: Out::Remove(small(which)), each: 0, whole: 0, state: silent }))
        .collect();
    while let Some((reached, number)) = builder.waiting.pop() {
        builder.lay_out(&reached, number)?;
    }
    Ok((Automaton { states: builder.states, actions: builder.actions, root, record, removals }, listed))
}

// === impl Action ===

impl Action {
    /// For what cannot be: nothing gets out.
    const NOTHING: Self = Self { out: Out::Inside, each: 0, whole: 0, state: u32::MAX };

    /// For an item of a list that this becomes of, or for what is in a value that is not let out.
    pub(super) fn within(self) -> Self {
        let out = match self.out {
            Out::Keep | Out::Walk => self.out,
            Out::Unnamed | Out::Inside | Out::Remove(_) | Out::Total(_) | Out::Rows => Out::Inside,
        };
        Self { out, ..self }
    }
}

// === impl Automaton ===

impl Automaton {
    pub(super) fn root(&self) -> u32 {
        self.root
    }

    /// What becomes of a record as such: [`Out::Keep`] or [`Out::Walk`].
    pub(super) fn record(&self) -> Out {
        self.record
    }

    pub(super) fn action(&self, number: u32) -> Action {
        self.actions.get(number as usize).copied().unwrap_or(Action::NOTHING)
    }

    /// Which action a name leads to.
    pub(super) fn step(&self, state: u32, name: &str) -> u32 {
        let Some(state) = self.states.get(state as usize) else { return u32::MAX };
        state.named.get(name).copied().unwrap_or(state.other)
    }

    /// Which action a key of an object leads to: where it would be let out, and lays out a path of which something is excluded, none
    /// that lets it out.
    pub(super) fn key(&self, state: u32, key: &str) -> u32 {
        let action = self.step(state, key);
        if self.removals.is_empty() || !matches!(self.action(action).out, Out::Keep | Out::Walk) {
            return action;
        }
        let LaidOut { removed, begun } = self.laid_out(state, key);
        let removed = removed.or(begun).and_then(|which| self.removals.get(usize::from(which)).copied());
        removed.unwrap_or(action)
    }

    /// What is excluded of a path that is laid out in a name.
    pub(super) fn laid_out(&self, state: u32, name: &str) -> LaidOut {
        let mut found = LaidOut::default();
        for way in laid_out::ways(name).iter().flatten() {
            let mut state = state;
            for name in way {
                let action = self.action(self.step(state, name));
                if let Out::Remove(which) = action.out {
                    found.removed = found.removed.or(Some(which));
                }
                state = action.state;
            }
            found.begun = found.begun.or(self.states.get(state as usize).and_then(|state| state.begun));
        }
        found
    }
}

// === impl Builder ===

impl Builder<'_> {
    /// All patterns of a record at their beginning, and those of the answer that look at any depth where they are.
    fn record_begins(&self, behind: &[(u16, u16)]) -> Reached {
        let begins = self
            .patterns
            .iter()
            .enumerate()
            .filter(|(_, pattern)| matches!(pattern.role, Role::Field | Role::Removed(_) | Role::Each(_)));
        let mut places: BTreeSet<(u16, u16)> = begins.map(|(which, _)| (small(which), 0)).collect();
        places.extend(
            behind.iter().filter(|place| matches!(self.role(place.0), Some(Role::Removed(_) | Role::Whole(_)))),
        );
        let full = self.plan.fields == Fields::Every;
        Reached { places: places.into_iter().collect(), in_record: true, full, silent: false }
    }

    fn answer_begins(&self) -> Reached {
        let begins = self.patterns.iter().enumerate().filter(|(_, pattern)| match pattern.role {
            Role::Rows | Role::Around | Role::Total(_) | Role::Whole(_) => true,
            Role::Removed(_) => pattern.segments.iter().any(|segment| segment.deep),
            Role::Field | Role::Each(_) => false,
        });
        Reached { places: begins.map(|(which, _)| (small(which), 0)).collect(), ..Reached::default() }
    }

    fn number(&mut self, reached: Reached) -> Result<u32, ReleaseError> {
        if let Some(number) = self.known.get(&reached) {
            return Ok(*number);
        }
        if self.states.len() >= STATES_MAX {
            return Err(wrong("", "the paths together lead to too many places; name fewer with `*` and `..`"));
        }
        let number = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        self.states.push(State::default());
        self.known.insert(reached.clone(), number);
        self.waiting.push((reached, number));
        Ok(number)
    }

    fn act(&mut self, action: Action) -> u32 {
        let number = self.actions.iter().position(|known| *known == action).unwrap_or_else(|| {
            self.actions.push(action);
            self.actions.len() - 1
        });
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    fn lay_out(&mut self, reached: &Reached, number: u32) -> Result<(), ReleaseError> {
        let names: BTreeSet<Box<str>> =
            reached.places.iter().filter_map(|place| self.segment(*place)?.name.clone()).collect();
        let begun = reached.places.iter().find_map(|place| match self.role(place.0) {
            Some(Role::Removed(which)) if place.1 > 0 => Some(which),
            _ => None,
        });
        let mut state = State { named: BTreeMap::new(), other: self.follow(reached, None)?, begun };
        for name in names {
            let action = self.follow(reached, Some(&name))?;
            if action != state.other {
                state.named.insert(name, action);
            }
        }
        if let Some(place) = self.states.get_mut(number as usize) {
            *place = state;
        }
        Ok(())
    }

    /// Where a key of this name, or any that no pattern names, leads.
    fn follow(&mut self, reached: &Reached, name: Option<&str>) -> Result<u32, ReleaseError> {
        let mut done = Vec::new();
        let mut live = BTreeSet::new();
        for place in &reached.places {
            let (Some(segment), Some(pattern)) = (self.segment(*place), self.patterns.get(usize::from(place.0))) else {
                continue;
            };
            if segment.deep {
                live.insert(*place);
            }
            if segment.name.as_deref().is_none_or(|wanted| name == Some(wanted)) {
                let further = place.1 + 1;
                if usize::from(further) == pattern.segments.len() {
                    done.push(pattern.role);
                } else {
                    live.insert((place.0, further));
                }
            }
        }
        let bits =
            |which: fn(&Role) -> Option<u8>| done.iter().filter_map(which).fold(0, |all, bit| all | 1_u64 << bit);
        let each = bits(|role| if let Role::Each(bit) = role { Some(*bit) } else { None });
        let whole = bits(|role| if let Role::Whole(bit) = role { Some(*bit) } else { None });
        let out = self.out(reached, &done, &live);
        let next = self.reached_behind(reached, out, &live);
        let state = self.number(next)?;
        Ok(self.act(Action { out, each, whole, state }))
    }

    fn out(&self, reached: &Reached, done: &[Role], live: &BTreeSet<(u16, u16)>) -> Out {
        if reached.silent {
            return Out::Inside;
        }
        let lets_out = |role: Role| match role {
            Role::Field => reached.in_record,
            Role::Rows | Role::Around | Role::Total(_) => !reached.in_record,
            Role::Removed(_) | Role::Whole(_) | Role::Each(_) => false,
        };
        let total = done.iter().find_map(|role| if let Role::Total(which) = role { Some(*which) } else { None });
        let told =
            total.filter(|which| self.plan.totals.get(usize::from(*which)).map(|total| total.tell) != Some(Tell::AsIs));
        let shown = if done.contains(&Role::Rows) {
            Out::Rows
        } else if let Some(which) = told {
            Out::Total(which)
        } else if reached.full || done.iter().any(|role| lets_out(*role)) {
            Out::Keep
        } else if live.iter().filter_map(|place| self.role(place.0)).any(lets_out) {
            Out::Walk
        } else {
            Out::Unnamed
        };
        // Around the records, only what is let out as a whole can be excluded: the way to them is not.
        match self.removed(done) {
            Some(which) if reached.in_record || shown == Out::Keep => Out::Remove(which),
            _ => shown,
        }
    }

    /// Which exclusion takes this out. Nothing there says less than a text there.
    fn removed(&self, done: &[Role]) -> Option<u16> {
        let removed = done.iter().filter_map(|role| if let Role::Removed(which) = role { Some(*which) } else { None });
        removed.min_by_key(|which| {
            let how = self.plan.removed.get(usize::from(*which)).map(|removal| &removal.how);
            (how != Some(&How::Remove), *which)
        })
    }

    /// What is still of interest in a value of which this becomes.
    fn reached_behind(&self, reached: &Reached, out: Out, live: &BTreeSet<(u16, u16)>) -> Reached {
        let live: Vec<(u16, u16)> = live.iter().copied().collect();
        if out == Out::Rows {
            return self.record_begins(&live);
        }
        let silent = matches!(out, Out::Unnamed | Out::Inside | Out::Remove(_) | Out::Total(_));
        let full = out == Out::Keep;
        let matters = |role: Role| match role {
            Role::Each(_) | Role::Whole(_) => true,
            Role::Rows | Role::Total(_) | Role::Removed(_) => !silent,
            Role::Field | Role::Around => !silent && !full,
        };
        let places = live.into_iter().filter(|place| self.role(place.0).is_some_and(matters)).collect();
        Reached { places, in_record: reached.in_record, full, silent }
    }

    fn role(&self, which: u16) -> Option<Role> {
        self.patterns.get(usize::from(which)).map(|pattern| pattern.role)
    }

    fn segment(&self, place: (u16, u16)) -> Option<&Segment> {
        self.patterns.get(usize::from(place.0))?.segments.get(usize::from(place.1))
    }
}

fn patterns(plan: &ReleasePlan, rows: &Path) -> Result<Vec<Pattern>, ReleaseError> {
    if rows.deep() || rows.segments.iter().any(|segment| segment.name.is_none()) {
        return Err(wrong(&plan.rows, "where the records are is said by names alone"));
    }
    if plan.each.len() > CONDITIONS_MAX || plan.whole.len() > CONDITIONS_MAX {
        return Err(wrong("", "there are more than 64 conditions"));
    }
    let mut patterns = Vec::new();
    let mut add = |text: &str, path: Path, role: Role| {
        if path.segments.is_empty() {
            return Err(wrong(text, "a path names something"));
        }
        if path.deep() && !matches!(role, Role::Removed(_)) {
            return Err(wrong(text, "only what is removed is looked for at any depth"));
        }
        if path.segments.iter().any(|segment| segment.deep && segment.name.is_none()) {
            return Err(wrong(text, "`..*` is everything"));
        }
        patterns.push(Pattern { segments: path.segments, role });
        Ok(())
    };
    if !rows.segments.is_empty() {
        add(&plan.rows, rows.clone(), Role::Rows)?;
    } else if let Some(path) = plan.around.first().or(plan.totals.first().map(|total| &total.path)) {
        return Err(wrong(path, "the records are the whole answer, so nothing is around them"));
    }
    for text in &plan.around {
        add(text, Path::of_answer(text)?, Role::Around)?;
    }
    for (which, total) in plan.totals.iter().enumerate() {
        add(&total.path, Path::of_answer(&total.path)?, Role::Total(small(which)))?;
    }
    for (which, condition) in plan.whole.iter().enumerate() {
        add(&condition.path, Path::of_answer(&condition.path)?, Role::Whole(tiny(which)))?;
    }
    if let Fields::Only(fields) = &plan.fields {
        for text in fields {
            add(text, Path::of_record(text)?, Role::Field)?;
        }
    }
    for (which, removal) in plan.removed.iter().enumerate() {
        add(&removal.path, Path::of_record(&removal.path)?, Role::Removed(small(which)))?;
    }
    for (which, condition) in plan.each.iter().enumerate() {
        add(&condition.path, Path::of_record(&condition.path)?, Role::Each(tiny(which)))?;
    }
    if patterns.len() > PATTERNS_MAX {
        return Err(wrong("", "there are more than 4096 paths"));
    }
    Ok(patterns)
}

/// Of fewer than `PATTERNS_MAX`.
fn small(which: usize) -> u16 {
    u16::try_from(which).unwrap_or(u16::MAX)
}

/// Of fewer than `CONDITIONS_MAX`.
fn tiny(which: usize) -> u8 {
    u8::try_from(which).unwrap_or(u8::MAX)
}

const STATES_MAX: usize = 4_096;
const PATTERNS_MAX: usize = 4_096;
const CONDITIONS_MAX: usize = 64;
