use std::collections::{HashMap, HashSet};

use model::SignedInBy;

use super::*;
use crate::who::tests::{Office, human};

const OPENED: UnixMicros = UnixMicros(1_000);
const EXPIRES: UnixMicros = UnixMicros(2_000);
const BEFORE: UnixMicros = UnixMicros(1_500);

fn approver(id: &str) -> Approver {
    Approver::danger_signed_in(human(id), SignedInBy::Password, "s".into())
}

fn hold(approvals: u8) -> Hold {
    Hold::open(Office::asked(approvals), WaitsFor::People, OPENED, EXPIRES)
}

fn call(number: u8) -> CallId {
    CallId::new(u64::from(number), [number; 10])
}

/// Every event, in a form that could be right.
fn events<'a>(by: &'a Approver, directory: &'a DirectorySnapshot) -> [Event<'a>; 8] {
    [
        Event::Approve { by, for_task: false, directory },
        Event::Deny { by, reason: None, directory },
        Event::Cancel { by: "ops".to_owned() },
        Event::Expire,
        Event::Refuse { why: "no".to_owned() },
        Event::Claim { call: call(9), directory },
        Event::End { disposition: Disposition::ApprovedExecuted },
        Event::Escalate { to: vec!["role:security".to_owned()] },
    ]
}

#[test]
fn every_step_from_every_state_is_taken_or_refused_for_a_reason() {
    let directory = Office::directory();
    let (cleo, dora) = (approver("cleo"), approver("dora"));
    let pending = hold(1);
    let next = |from: &Hold, event| step(from, event, BEFORE).unwrap();
    let approved = next(&pending, Event::Approve { by: &cleo, for_task: false, directory: &directory });
    let claimed = next(&approved, Event::Claim { call: call(9), directory: &directory });
    let states = [
        pending.clone(),
        approved.clone(),
        claimed.clone(),
        next(&pending, Event::Deny { by: &cleo, reason: Some("no".to_owned()), directory: &directory }),
        step(&pending, Event::Expire, EXPIRES).unwrap(),
        next(&approved, Event::Cancel { by: "ops".to_owned() }),
        next(&claimed, Event::End { disposition: Disposition::OutcomeUnknown }),
    ];
    let table: Vec<(&str, Vec<String>)> = states
        .iter()
        .map(|from| {
            let told = |event| match step(from, event, BEFORE) {
                Ok(to) => {
                    assert_eq!(to.generation, from.generation + 1);
                    assert_eq!((&to.asked, &to.id, to.expires_at), (&from.asked, &from.id, from.expires_at));
                    to.state.as_str().to_owned()
                }
                Err(refused) => format!("{refused:?}").split([' ', '{']).next().unwrap().to_owned(),
            };
            (from.state.as_str(), events(&dora, &directory).map(told).to_vec())
        })
        .collect();
    // Approve, deny, cancel, expire, refuse, claim, end, escalate.
    let wanted = [
        ("pending", ["approved", "denied", "cancelled", "NotExpired", "ended", "NotApproved", "NotClaimed", "pending"]),
        ("approved", ["Approved", "denied", "cancelled", "NotExpired", "ended", "claimed", "NotClaimed", "Approved"]),
        ("claimed", ["Claimed", "Claimed", "Claimed", "Claimed", "Claimed", "Claimed", "ended", "Claimed"]),
        ("denied", ["Denied", "Denied", "Denied", "Denied", "Denied", "Denied", "NotClaimed", "Denied"]),
        ("expired", ["Expired", "Expired", "Expired", "Expired", "Expired", "Expired", "NotClaimed", "Expired"]),
        (
            "cancelled",
            ["Cancelled", "Cancelled", "Cancelled", "Cancelled", "Cancelled", "Cancelled", "NotClaimed", "Cancelled"],
        ),
        ("ended", ["Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "Ended"]),
    ];
    let wanted: Vec<(&str, Vec<String>)> =
        wanted.into_iter().map(|(from, to)| (from, to.map(str::to_owned).to_vec())).collect();
    assert_eq!(table, wanted);
}

#[test]
fn past_its_time_nothing_but_expiry_follows() {
    let directory = Office::directory();
    let cleo = approver("cleo");
    let approved =
        step(&hold(1), Event::Approve { by: &cleo, for_task: false, directory: &directory }, BEFORE).unwrap();
    for from in [hold(1), approved] {
        for event in events(&approver("dora"), &directory) {
            let expires = matches!(event, Event::Expire);
            let ends = matches!(event, Event::End { .. });
            match step(&from, event, EXPIRES) {
                Ok(to) => assert!(expires && matches!(to.state, State::Expired { .. })),
                Err(refused) => assert_eq!(refused, if ends { Refused::NotClaimed } else { Refused::Expired }),
            }
        }
    }
}

#[test]
fn it_is_escalated_to_somebody_else_each_time_and_keeps_its_approvals() {
    let directory = Office::directory();
    let (cleo, sam) = (approver("cleo"), approver("sam"));
    let to = |who: &str| Event::Escalate { to: vec![who.to_owned()] };
    let once = step(&hold(2), Event::Approve { by: &cleo, for_task: false, directory: &directory }, BEFORE).unwrap();
    assert!(step(&once, Event::Approve { by: &sam, for_task: false, directory: &directory }, BEFORE).is_err());
    let escalated = step(&once, to("role:security"), BEFORE).unwrap();
    assert_eq!((escalated.approvals.len(), escalated.also.as_slice()), (1, &["role:security".to_owned()][..]));
    assert_eq!(step(&escalated, to("role:security"), BEFORE), Err(Refused::Escalated));
    let approved =
        step(&escalated, Event::Approve { by: &sam, for_task: false, directory: &directory }, BEFORE).unwrap();
    assert_eq!(approved.state, State::Approved { at: BEFORE });
    let for_a_fact = Hold { waits_for: WaitsFor::Fact, ..hold(1) };
    assert_eq!(step(&for_a_fact, to("role:security"), BEFORE), Err(Refused::WaitsForFact));
}

#[test]
fn two_people_are_two_people() {
    let directory = Office::directory();
    let (cleo, dora, cleo2) = (approver("cleo"), approver("dora"), approver("cleo2"));
    let approve =
        |hold: &Hold, by: &Approver| step(hold, Event::Approve { by, for_task: false, directory: &directory }, BEFORE);
    let once = approve(&hold(2), &cleo).unwrap();
    assert_eq!(once.state, State::Pending);
    assert_eq!(approve(&once, &cleo), Err(Refused::ApprovedBefore { who: human("cleo") }));
    assert_eq!(approve(&once, &cleo2), Err(Refused::SamePerson { who: human("cleo2"), other: human("cleo") }));
    let twice = approve(&once, &dora).unwrap();
    assert_eq!(twice.state, State::Approved { at: BEFORE });
    assert_eq!(twice.approvals.len(), 2);
    let mut left = Office::directory();
    Office::leaves(&mut left, "cleo");
    let claimed = step(&twice, Event::Claim { call: call(1), directory: &left }, BEFORE);
    let why = Box::new(Refused::Left { who: human("cleo") });
    assert_eq!(claimed, Err(Refused::ApprovalGone { who: human("cleo"), why }));
}

#[test]
fn whoever_approved_and_has_left_keeps_the_others_from_nothing() {
    let directory = Office::directory();
    let [cleo, dora, cleo2, sam] = ["cleo", "dora", "cleo2", "sam"].map(approver);
    let approve = |hold: &Hold, by: &Approver, directory: &DirectorySnapshot| {
        step(hold, Event::Approve { by, for_task: false, directory }, BEFORE).unwrap()
    };
    let by = |hold: &Hold| hold.approvals.iter().map(|one| one.by.to_string()).collect::<Vec<_>>();
    let also = vec!["role:security".to_owned()];
    let once = Hold { also, ..approve(&hold(2), &cleo, &directory) };
    let mut left = Office::directory();
    Office::leaves(&mut left, "cleo");
    let dora_alone = approve(&once, &dora, &left);
    assert_eq!((&dora_alone.state, by(&dora_alone)), (&State::Pending, vec!["dora".to_owned()]));
    let enough = approve(&dora_alone, &sam, &left);
    assert_eq!(
        (enough.state.clone(), by(&enough)),
        (State::Approved { at: BEFORE }, vec!["dora".into(), "sam".into()])
    );
    let other_account = approve(&once, &cleo2, &left);
    assert_eq!(by(&other_account), ["cleo2"], "her other account is there, and she is one person");
    // Two who approved turn out to be one person.
    let mut one_person = Office::directory();
    one_person.persons.insert(human("dora"), "Cleo Roy".into());
    let twice = approve(&Hold { asked: Office::asked(3), ..once }, &dora, &directory);
    let third = approve(&twice, &sam, &one_person);
    assert_eq!((&third.state, by(&third)), (&State::Pending, vec!["cleo".to_owned(), "sam".to_owned()]));
}

#[test]
fn a_hold_is_read_back_as_it_was_written() {
    let directory = Office::directory();
    let (cleo, dora) = (approver("cleo"), approver("dora"));
    let mut hold = hold(2);
    for event in [
        Event::Approve { by: &cleo, for_task: false, directory: &directory },
        Event::Approve { by: &dora, for_task: false, directory: &directory },
        Event::Claim { call: call(1), directory: &directory },
        Event::End { disposition: Disposition::ExecutionError },
    ] {
        let text = serde_json::to_string(&hold).unwrap();
        assert_eq!(serde_json::from_str::<Hold>(&text).unwrap(), hold);
        hold = step(&hold, event, BEFORE).unwrap();
    }
}

// What follows looks at every order in which people, gateways, the clock and crashes may come.

/// Everybody who does something, each by reading what is on disk and writing the next step later. Holds are numbers
/// (see [`Search`]), so that worlds are small.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    disk: u16,
    actors: Vec<Phase>,
    late: bool,
    cleo_left: bool,
    sent: u8,
    /// Whether a claim was made without good approvals.
    unapproved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    Read(u16),
    /// A gateway only: what it claimed is on disk, and nothing has left.
    Claimed,
    /// A gateway only.
    Sent,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Actor {
    Approves(&'static str),
    Denies(&'static str),
    Cancels,
    Expires,
    Gateway(u8),
}

/// How steps are taken and written; a test breaks one of both.
#[derive(Clone, Copy)]
struct Rig {
    step: fn(&Hold, Event<'_>, UnixMicros) -> Result<Hold, Refused>,
    /// Whether what was read is still what is there.
    unchanged: fn(&Hold, &Hold) -> bool,
}

const HONEST: Rig = Rig { step, unchanged: |read, there| read.generation == there.generation };

#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    worlds: usize,
    sent_twice: bool,
    unapproved: bool,
    ran: bool,
    unknown: bool,
}

struct Search<'a> {
    rig: Rig,
    cast: &'a [Actor],
    holds: Vec<Hold>,
    /// What a step came to: of this hold, by this actor (none: an end), late, with Cleo gone.
    steps: HashMap<(u16, usize, bool, bool), Option<u16>>,
}

fn explore(rig: Rig, cast: &[Actor], approvals: u8) -> Found {
    let mut search = Search { rig, cast, holds: vec![hold(approvals)], steps: HashMap::new() };
    let actors = vec![Phase::Idle; cast.len()];
    let first = World { disk: 0, actors, late: false, cleo_left: false, sent: 0, unapproved: false };
    let mut found = Found::default();
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(world) = open.pop() {
        found.worlds += 1;
        found.sent_twice |= world.sent > 1;
        found.unapproved |= world.unapproved;
        if let State::Ended { disposition, .. } = &search.holds[usize::from(world.disk)].state {
            found.ran |= *disposition == Disposition::ApprovedExecuted;
            found.unknown |= *disposition == Disposition::OutcomeUnknown;
        }
        for next in search.successors(&world) {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    found
}

impl Search<'_> {
    fn successors(&mut self, world: &World) -> Vec<World> {
        let mut next = vec![World { late: true, ..world.clone() }, World { cleo_left: true, ..world.clone() }];
        for at in 0..self.cast.len() {
            let to = |phase: Phase| {
                let mut world = world.clone();
                world.actors[at] = phase;
                world
            };
            match world.actors[at] {
                Phase::Idle => next.push(to(Phase::Read(world.disk))),
                Phase::Read(read) => next.push(self.write(world, at, read)),
                Phase::Claimed => {
                    next.push(World { sent: world.sent.saturating_add(1), ..to(Phase::Sent) });
                    next.push(self.end(to(Phase::Done), UNKNOWN));
                }
                Phase::Sent => {
                    next.push(self.end(to(Phase::Done), RAN));
                    next.push(self.end(to(Phase::Done), UNKNOWN));
                }
                Phase::Done => {}
            }
        }
        next
    }

    fn write(&mut self, world: &World, at: usize, read: u16) -> World {
        let mut next = world.clone();
        next.actors[at] = Phase::Done;
        let Some(stepped) = self.stepped(read, at, world) else { return next };
        let (read, there) = (&self.holds[usize::from(read)], &self.holds[usize::from(world.disk)]);
        if !(self.rig.unchanged)(read, there) {
            // Whoever comes too late looks again.
            next.actors[at] = Phase::Idle;
            return next;
        }
        if let Actor::Gateway(_) = self.cast[at] {
            next.actors[at] = Phase::Claimed;
            next.unapproved |= !good(there, world);
        }
        next.disk = stepped;
        next
    }

    /// A gateway is through with what it took up, or the next start finds that and says that nobody knows.
    fn end(&mut self, world: World, which: usize) -> World {
        match self.stepped(world.disk, which, &world) {
            Some(disk) => World { disk, ..world },
            None => world,
        }
    }

    fn stepped(&mut self, of: u16, actor: usize, world: &World) -> Option<u16> {
        let key = (of, actor, world.late, world.cleo_left);
        if let Some(known) = self.steps.get(&key) {
            return *known;
        }
        let (directory, now) = (directory_of(world), if world.late { EXPIRES } else { BEFORE });
        let by;
        let event = match self.cast.get(actor) {
            Some(Actor::Approves(id)) => {
                by = approver(id);
                Event::Approve { by: &by, for_task: false, directory: &directory }
            }
            Some(Actor::Denies(id)) => {
                by = approver(id);
                Event::Deny { by: &by, reason: None, directory: &directory }
            }
            Some(Actor::Cancels) => Event::Cancel { by: "ops".to_owned() },
            Some(Actor::Expires) => Event::Expire,
            Some(Actor::Gateway(number)) => Event::Claim { call: call(*number), directory: &directory },
            None if actor == RAN => Event::End { disposition: Disposition::ApprovedExecuted },
            None => Event::End { disposition: Disposition::OutcomeUnknown },
        };
        let to = (self.rig.step)(&self.holds[usize::from(of)], event, now).ok().map(|hold| {
            let known = self.holds.iter().position(|known| *known == hold);
            let number = known.unwrap_or_else(|| {
                self.holds.push(hold);
                self.holds.len() - 1
            });
            u16::try_from(number).unwrap()
        });
        self.steps.insert(key, to);
        to
    }
}

const RAN: usize = 100;
const UNKNOWN: usize = 101;

/// Whether a call may be sent on this, said without the machine.
fn good(hold: &Hold, world: &World) -> bool {
    let person = |account: &str| match account {
        "cleo" if world.cleo_left => None,
        "cleo" | "cleo2" => Some("Cleo"),
        "dora" => Some("Dora"),
        _ => None,
    };
    let people: HashSet<&str> = hold.approvals.iter().filter_map(|approval| person(approval.by.as_str())).collect();
    let wanted = usize::from(hold.asked.reasons[0].approvals);
    people.len() >= wanted && matches!(hold.state, State::Approved { .. }) && !world.late
}

fn directory_of(world: &World) -> DirectorySnapshot {
    let mut directory = Office::directory();
    if world.cleo_left {
        Office::leaves(&mut directory, "cleo");
    }
    directory
}

/// Two gateways, two who may approve, the requester by both accounts, a person who says no, an operator, and the clock.
const ALL: [Actor; 6] = [
    Actor::Approves("cleo"),
    Actor::Approves("ana2"),
    Actor::Denies("dora"),
    Actor::Expires,
    Actor::Gateway(1),
    Actor::Gateway(2),
];
const PAIR: [Actor; 6] = [
    Actor::Approves("cleo"),
    Actor::Approves("cleo2"),
    Actor::Approves("dora"),
    Actor::Cancels,
    Actor::Gateway(1),
    Actor::Gateway(2),
];

#[test]
fn in_no_order_of_events_it_runs_twice_or_unapproved() {
    for (cast, approvals) in [(ALL, 1), (PAIR, 2)] {
        let found = explore(HONEST, &cast, approvals);
        assert!(!found.sent_twice && !found.unapproved, "{found:?}");
        // An explorer that never gets anywhere would find nothing, either.
        assert!(found.ran && found.unknown && found.worlds > 2_000, "{found:?}");
    }
}

#[test]
fn the_search_finds_what_is_broken() {
    let careless = Rig { unchanged: |_, _| true, ..HONEST };
    let found = explore(careless, &ALL, 1);
    assert!(found.sent_twice && found.unapproved, "writing over another's step: {found:?}");
    fn forgetful(hold: &Hold, event: Event<'_>, now: UnixMicros) -> Result<Hold, Refused> {
        match event {
            Event::Claim { call, .. } => step(hold, Event::Claim { call, directory: &Office::directory() }, now),
            other => step(hold, other, now),
        }
    }
    let found = explore(Rig { step: forgetful, ..HONEST }, &ALL, 1);
    assert!(found.unapproved && !found.sent_twice, "an approver who has left: {found:?}");
    fn trusting(hold: &Hold, event: Event<'_>, now: UnixMicros) -> Result<Hold, Refused> {
        match event {
            Event::Approve { directory, .. } => {
                step(hold, Event::Approve { by: &approver("dora"), for_task: false, directory }, now)
            }
            other => step(hold, other, now),
        }
    }
    let found = explore(Rig { step: trusting, ..HONEST }, &[Actor::Approves("ana2"), Actor::Gateway(1)], 1);
    assert!(found.ran, "the second account of the requester, taken for another person: {found:?}");
    fn patient(hold: &Hold, event: Event<'_>, _: UnixMicros) -> Result<Hold, Refused> {
        step(hold, event, BEFORE)
    }
    let found = explore(Rig { step: patient, ..HONEST }, &ALL, 1);
    assert!(found.unapproved, "a machine without a clock: {found:?}");
}
