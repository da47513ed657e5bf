//! Every interleaving of two workers on one key: three uploads, the third equal to the first;
//! events late, out of order and duplicated; workers dying, or losing their message and going on,
//! after any step; a person asking for the key again.
//!
//! The rules are the production code's own (`shared::record`). This file puts a world around them
//! whose steps come in the order of `worker/src/pipeline.rs`. Then each rule is broken once, and
//! the exploration must notice.

use std::collections::{HashMap, HashSet};

use shared::identity::{ImageId, ObjectRef};
use shared::job::Cause;
use shared::record::{
    Guard, Moment, Record, Sequencer, Source, Status, StoredVariant, effective_sequencer,
};

const RECIPE: &str = "recipe";
/// What the uploads put into the bucket, by version. Version 0 is before the first.
const CONTENTS: [&str; 4] = ["", "a", "b", "a"];
const UPLOADS: u8 = 3;

/// A rule of the design, taken out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Broken {
    Nothing,
    OutcomesAreNotOrdered,
    OutcomesReplaceUnseenOnesOfTheSameEvent,
    SkipsDoNotAdvance,
    AdvancesDoNotCheckWhatWasRead,
    AdvancesAreNotAnnounced,
    ObjectIsReadBeforeTheRecord,
    MessageIsDeletedFirst,
    SkippedRedeliveriesAreNotAnnounced,
    RefusalsByTheSameOutcomeAreNotAnnounced,
    VariantsAreNamedByContentAlone,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Message {
    /// The upload that it tells of; `None` for a person's request.
    event: Option<u8>,
    repeated: bool,
}

/// An outcome or a record, as an index into [`Model::records`].
type Index = u8;
/// A set of variants or of outcomes.
type Bits = u64;

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Step {
    LookUp,
    Fetch { known: Option<Index> },
    FetchFirst,
    LookUpLate { content: &'static str },
    Store { mine: Index, seen: Option<Index> },
    Put { mine: Index, seen: Option<Index> },
    Advance { known: Index, event: u8 },
    Retire(Bits),
    Announce(Index),
    Delete,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Task {
    message: Message,
    /// Whether the message is hidden for this worker; if not, it has been given to others.
    ours: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct World {
    version: u8,
    queue: Vec<Message>,
    workers: [Option<Task>; 2],
    record: Option<Index>,
    stored: Bits,
    superseded: Bits,
    announced: Bits,
    /// What may still happen.
    duplicates: u8,
    mishaps: u8,
    requests: u8,
}

struct Model {
    broken: Broken,
    /// Every record that was ever written, in the order of its first writing.
    records: Vec<Record>,
    variants: HashMap<String, Bits>,
    outcomes: HashMap<uuid::Uuid, Bits>,
}

impl Model {
    fn new(broken: Broken) -> Self {
        let (variants, outcomes) = (HashMap::new(), HashMap::new());
        Self {
            broken,
            records: Vec::new(),
            variants,
            outcomes,
        }
    }

    /// Walks through every reachable world. Returns the first that came to rest wrongly, and the
    /// number of worlds.
    fn explore(&mut self, start: World) -> (Option<(World, &'static str)>, usize) {
        let mut seen = HashSet::from([start.clone()]);
        let mut ahead = vec![start];
        while let Some(world) = ahead.pop() {
            let next = self.next(&world);
            if let (true, Err(wrong)) = (next.is_empty(), self.check(&world)) {
                return (Some((world, wrong)), seen.len());
            }
            ahead.extend(next.into_iter().filter(|next| seen.insert(next.clone())));
        }
        (None, seen.len())
    }

    /// Invariant 3, and what the record promises with it.
    fn check(&mut self, world: &World) -> Result<(), &'static str> {
        let index = world.record.ok_or("there is no record")?;
        let record = self.record(index);
        if record.source.etag.as_deref() != Some(CONTENTS[usize::from(world.version)]) {
            return Err("the record does not describe the object");
        }
        let variant = self.variants_of(index);
        if world.stored & variant == 0 || world.superseded & variant != 0 {
            return Err("the record names a variant that is absent or will be removed");
        }
        if world.announced & self.outcome_of(index) == 0 {
            return Err("the outcome was never announced");
        }
        Ok(())
    }

    fn next(&mut self, world: &World) -> Vec<World> {
        let mut next = Vec::new();
        if world.version < UPLOADS {
            next.push(uploaded(world.clone()));
        }
        if world.requests > 0 && world.version > 0 {
            next.push(requested(world.clone()));
        }
        for at in 0..world.queue.len() {
            if world.duplicates > 0 {
                next.push(duplicated(world.clone(), at));
            }
            if let Some(idle) = world.workers.iter().position(Option::is_none) {
                next.push(self.received(world.clone(), at, idle));
            }
        }
        for worker in 0..world.workers.len() {
            if let Some(task) = &world.workers[worker] {
                next.push(self.stepped(world.clone(), worker));
                if world.mishaps > 0 {
                    next.push(died(world.clone(), worker));
                }
                if world.mishaps > 0 && task.ours {
                    next.push(stalled(world.clone(), worker));
                }
            }
        }
        for world in &mut next {
            world.queue.sort_unstable();
            world.workers.sort_unstable(); // Which of the two it is makes no difference.
        }
        next
    }

    fn received(&self, mut world: World, at: usize, idle: usize) -> World {
        let message = world.queue.remove(at);
        let first = match self.broken {
            Broken::ObjectIsReadBeforeTheRecord => Step::FetchFirst,
            _ => Step::LookUp,
        };
        let ours = self.broken != Broken::MessageIsDeletedFirst;
        world.workers[idle] = Some(Task {
            message,
            ours,
            steps: vec![first],
        });
        world
    }

    fn stepped(&mut self, mut world: World, worker: usize) -> World {
        let mut task = world.workers[worker]
            .take()
            .expect("only busy workers step");
        let content = CONTENTS[usize::from(world.version)];
        let more = match task.steps.remove(0) {
            Step::LookUp => self.look_up(task.message, world.record),
            Step::Fetch { known } => self.fetch(task.message, known, content),
            Step::FetchFirst => vec![Step::LookUpLate { content }],
            Step::LookUpLate { content } => match &self.look_up(task.message, world.record)[..] {
                [Step::Fetch { known }] => self.fetch(task.message, *known, content),
                steps => steps.to_vec(),
            },
            Step::Store { mine, seen } => {
                let variants = self.variants_of(mine);
                world.stored |= variants;
                world.superseded &= !variants; // Writing an object anew takes its tags away.
                vec![Step::Put { mine, seen }]
            }
            Step::Put { mine, seen } => self.put(&mut world, mine, seen),
            Step::Advance { known, event } => self.advance(&mut world, task.message, known, event),
            Step::Retire(variants) => {
                world.superseded |= variants;
                vec![]
            }
            Step::Announce(index) => {
                world.announced |= self.outcome_of(index);
                vec![]
            }
            Step::Delete => return world,
        };
        task.steps.splice(0..0, more);
        world.workers[worker] = Some(task);
        world
    }

    /// `Pipeline::picture`, up to the fetch.
    fn look_up(&self, message: Message, known: Option<Index>) -> Vec<Step> {
        let answered = known.is_some_and(|known| self.record(known).answers(&cause(message)));
        match known {
            Some(known) if answered => self.skip(message, known),
            known => vec![Step::Fetch { known }],
        }
    }

    /// `Pipeline::picture`, from the fetch on.
    fn fetch(
        &mut self,
        message: Message,
        known: Option<Index>,
        content: &'static str,
    ) -> Vec<Step> {
        let cause = cause(message);
        let record = known.map(|known| self.record(known).clone());
        let sequencer = effective_sequencer(&cause, record.as_ref());
        match (known, &record) {
            (Some(known), Some(record))
                if record.answered_etag(&cause, RECIPE) == Some(content) =>
            {
                let event = number(&sequencer);
                let behind =
                    record.sequencer < sequencer && self.broken != Broken::SkipsDoNotAdvance;
                if behind {
                    vec![Step::Advance { known, event }]
                } else {
                    self.skip(message, known)
                }
            }
            _ => {
                let outcome = outcome(content, &sequencer, record.as_ref(), self.broken);
                vec![Step::Store {
                    mine: self.index(outcome),
                    seen: known,
                }]
            }
        }
    }

    /// `Pipeline::advance`.
    fn advance(
        &mut self,
        world: &mut World,
        message: Message,
        known: Index,
        event: u8,
    ) -> Vec<Step> {
        let existing = world.record.map(|index| self.record(index).clone());
        let seen = match self.broken {
            Broken::AdvancesDoNotCheckWhatWasRead => {
                existing.as_ref().map(|record| record.notification_id)
            }
            _ => Some(self.record(known).notification_id),
        };
        let guard = Guard::Unchanged {
            sequencer: sequencer(event),
            seen,
        };
        match existing.filter(|existing| guard.admits(Some(existing.stamp()))) {
            None => vec![Step::LookUp],
            Some(existing) => {
                world.record = Some(self.index(Record {
                    sequencer: sequencer(event),
                    ..existing
                }));
                match self.broken {
                    Broken::AdvancesAreNotAnnounced => self.skip(message, known),
                    _ => vec![Step::Announce(known), Step::Delete],
                }
            }
        }
    }

    /// `Pipeline::skip`.
    fn skip(&self, message: Message, known: Index) -> Vec<Step> {
        if message.repeated && self.broken != Broken::SkippedRedeliveriesAreNotAnnounced {
            vec![Step::Announce(known), Step::Delete]
        } else {
            vec![Step::Delete]
        }
    }

    /// `Pipeline::conclude`.
    fn put(&mut self, world: &mut World, mine: Index, seen: Option<Index>) -> Vec<Step> {
        let record = self.record(mine);
        let existing = world.record.map(|index| self.record(index));
        let known = seen.map(|seen| self.record(seen));
        let guard = match self.broken {
            Broken::OutcomesReplaceUnseenOnesOfTheSameEvent => {
                Guard::newer(&record.sequencer, existing)
            }
            _ => Guard::newer(&record.sequencer, known),
        };
        let same =
            existing.is_some_and(|existing| existing.notification_id == record.notification_id);
        let won = guard.admits(existing.map(Record::stamp))
            || self.broken == Broken::OutcomesAreNotOrdered;
        let superfluous = match existing {
            Some(replaced) if won => replaced.variants_not_in(record),
            Some(winner) => record.variants_not_in(winner),
            None => vec![],
        };
        let superfluous = superfluous
            .iter()
            .fold(0, |all, key| all | self.variants[key]);
        let mut steps = vec![Step::Retire(superfluous)];
        match world.record {
            Some(winner) if !won => {
                if same && self.broken != Broken::RefusalsByTheSameOutcomeAreNotAnnounced {
                    steps.push(Step::Announce(winner));
                }
            }
            _ => {
                world.record = Some(mine);
                steps.push(Step::Announce(mine));
            }
        }
        steps.push(Step::Delete);
        steps
    }

    fn record(&self, index: Index) -> &Record {
        &self.records[usize::from(index)]
    }

    fn index(&mut self, record: Record) -> Index {
        let stamp = record.stamp();
        let at = self
            .records
            .iter()
            .position(|other| other.stamp() == stamp)
            .unwrap_or_else(|| {
                let next = self.variants.len();
                self.variants
                    .entry(record.variants[0].key.clone())
                    .or_insert(1 << next);
                let next = self.outcomes.len();
                self.outcomes
                    .entry(record.notification_id)
                    .or_insert(1 << next);
                self.records.push(record);
                self.records.len() - 1
            });
        at.try_into().unwrap()
    }

    fn variants_of(&self, index: Index) -> Bits {
        self.variants[&self.record(index).variants[0].key]
    }

    fn outcome_of(&self, index: Index) -> Bits {
        self.outcomes[&self.record(index).notification_id]
    }
}

fn uploaded(mut world: World) -> World {
    world.version += 1;
    world.queue.push(Message {
        event: Some(world.version),
        repeated: false,
    });
    world
}

fn requested(mut world: World) -> World {
    world.requests -= 1;
    world.queue.push(Message {
        event: None,
        repeated: false,
    });
    world
}

fn duplicated(mut world: World, at: usize) -> World {
    world.duplicates -= 1;
    world.queue.push(world.queue[at]);
    world
}

/// The message's time is up, and others get it, while the worker goes on.
fn stalled(mut world: World, worker: usize) -> World {
    let task = world.workers[worker]
        .as_mut()
        .expect("only busy workers stall");
    task.ours = false;
    world.queue.push(Message {
        repeated: true,
        ..task.message
    });
    world.mishaps -= 1;
    world
}

fn died(mut world: World, worker: usize) -> World {
    let task = world.workers[worker]
        .take()
        .expect("only busy workers die at work");
    if task.ours {
        world.queue.push(Message {
            repeated: true,
            ..task.message
        });
    }
    world.mishaps -= 1;
    world
}

fn cause(message: Message) -> Cause {
    message
        .event
        .map_or(Cause::Request, |event| Cause::Event(sequencer(event)))
}

fn sequencer(number: u8) -> Sequencer {
    number.to_string().parse().unwrap()
}

fn number(sequencer: &Sequencer) -> u8 {
    sequencer.as_str()[..1].parse().unwrap()
}

/// What a worker records that has read `content`, with one variant named as the pipeline names it:
/// after the outcome.
fn outcome(content: &str, sequencer: &Sequencer, known: Option<&Record>, broken: Broken) -> Record {
    let object = ObjectRef {
        bucket: "source".into(),
        key: "images/a.jpg".into(),
    };
    let image_id = ImageId::of(&object);
    let etag = Some(content);
    let outcome_id = Record::outcome_id(&image_id, etag, RECIPE, Status::Ready, sequencer, known);
    let key = match broken {
        Broken::VariantsAreNamedByContentAlone => content.to_owned(),
        _ => format!("{content}-{outcome_id}"),
    };
    let variant = StoredVariant {
        name: "thumb".into(),
        bucket: "variants".into(),
        key,
        width: 1,
        height: 1,
        format: "jpeg".into(),
        bytes: 1,
    };
    Record {
        image_id,
        notification_id: outcome_id,
        source: Source {
            etag: etag.map(str::to_owned),
            ..Source::unread(object)
        },
        url: None,
        sequencer: sequencer.clone(),
        status: Status::Ready,
        reason: None,
        recipe_id: RECIPE.into(),
        picture: None,
        variants: vec![variant],
        attempts: 1,
        worker: "model".into(),
        processing_ms: 0,
        created_at: Moment::now(),
        updated_at: Moment::now(),
    }
}

fn start(duplicates: u8, mishaps: u8, requests: u8) -> World {
    World {
        version: 0,
        queue: vec![],
        workers: [None, None],
        record: None,
        stored: 0,
        superseded: 0,
        announced: 0,
        duplicates,
        mishaps,
        requests,
    }
}

fn converges(duplicates: u8, mishaps: u8, requests: u8) {
    let start = start(duplicates, mishaps, requests);
    let (wrong, worlds) = Model::new(Broken::Nothing).explore(start);
    println!("{duplicates} duplicates, {mishaps} mishaps, {requests} requests: {worlds} worlds");
    assert_eq!(wrong, None);
    assert!(
        worlds > 5_000,
        "only {worlds} worlds: the model does not explore"
    );
}

#[test]
fn the_catalog_converges_to_the_bucket_in_every_interleaving() {
    for (duplicates, mishaps, requests) in [(0, 2, 0), (1, 1, 0), (0, 1, 1), (0, 0, 2)] {
        converges(duplicates, mishaps, requests);
    }
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn the_catalog_converges_to_the_bucket_when_more_goes_wrong() {
    converges(1, 2, 0);
    converges(2, 1, 0);
    converges(0, 2, 1);
}

#[test]
fn the_model_notices_when_a_rule_of_the_design_is_taken_out() {
    for broken in [
        Broken::OutcomesAreNotOrdered,
        Broken::OutcomesReplaceUnseenOnesOfTheSameEvent,
        Broken::SkipsDoNotAdvance,
        Broken::AdvancesDoNotCheckWhatWasRead,
        Broken::AdvancesAreNotAnnounced,
        Broken::ObjectIsReadBeforeTheRecord,
        Broken::MessageIsDeletedFirst,
        Broken::SkippedRedeliveriesAreNotAnnounced,
        Broken::RefusalsByTheSameOutcomeAreNotAnnounced,
        Broken::VariantsAreNamedByContentAlone,
    ] {
        let (wrong, worlds) = Model::new(broken).explore(start(0, 2, 1));
        let (_, why) =
            wrong.unwrap_or_else(|| panic!("{broken:?} does no harm: is the rule needed?"));
        println!("{broken:?}: {why} ({worlds} worlds)");
    }
}
