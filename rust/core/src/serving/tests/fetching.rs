//! Fetch as a machine: what it reads, what it waits for, what ends its wait, and what its session leaves out.

use super::Happens::*;
use super::*;

const VERSION: i16 = 11;

pub(super) struct Reader {
    pub(super) machine: Fetch<SimDisk>,
    bell: Arc<Bell>,
}

/// A Fetch of the one partition, or of none that the session does not know already.
#[derive(Clone, Copy)]
pub(super) struct Asks {
    pub(super) session: (i32, i32),
    /// None: what the session knows.
    pub(super) offset: Option<i64>,
    pub(super) epoch: i32,
    pub(super) bytes_min: i32,
    pub(super) wait_ms: i32,
    pub(super) replica: i32,
}

pub(super) const ASKS: Asks = Asks {
    session: (0, -1),
    offset: Some(0),
    epoch: -1,
    bytes_min: 1,
    wait_ms: 500,
    replica: -1,
};

fn frame(asks: &Asks) -> Vec<u8> {
    let mut body = Body::default().i32(asks.replica).i32(asks.wait_ms);
    body = body.i32(asks.bytes_min).i32(1 << 20).i8(0);
    body = body.i32(asks.session.0).i32(asks.session.1);
    body = match asks.offset {
        None => body.i32(0),
        Some(offset) => {
            let part = body.i32(1).text(TOPIC).i32(1).i32(0).i32(asks.epoch);
            part.i64(offset).i64(-1).i32(1 << 20)
        }
    };
    body.i32(0).text("").0
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            machine: Fetch::default(),
            bell: Arc::default(),
        }
    }

    fn begin(&mut self, world: &World, asks: &Asks) {
        let (frame, header) = (frame(asks), header(VERSION));
        self.machine.parse(&world.host, &frame, &header).unwrap();
        self.machine.begin(&world.host, &frame, 0);
    }

    /// What it says now: that it waits, or its error code and how many bytes of records it found.
    pub(super) fn says(&mut self, world: &World) -> String {
        let header = header(VERSION);
        match self.machine.step(&world.host, &header, &self.bell) {
            Step::Done => self.reply(world),
            Step::Parked => {
                self.bell.wants.found(self.machine.found_bytes());
                self.machine.rest();
                PARKED.to_owned()
            }
            Step::Busy => "busy".to_owned(),
            Step::Heavy => "heavy".to_owned(),
        }
    }

    pub(super) fn asks(&mut self, world: &World, asks: &Asks) -> String {
        self.begin(world, asks);
        self.says(world)
    }

    /// The reply's parts as text: the whole's error, then each partition's and whether it brings records.
    fn reply(&mut self, world: &World) -> String {
        let header = header(VERSION);
        self.machine.settle(&world.host, || 0);
        let (mut out, mut pieces) = (Vec::new(), Vec::new());
        self.machine
            .put_reply(&mut out, &mut pieces, &header, usize::MAX);
        self.machine.end();
        let at = 4 + 4 + 4; // size, correlation id, throttle
        let error = i16::from_be_bytes(number(&out, at));
        let topics = i32::from_be_bytes(number(&out, at + 6));
        if error != 0 || topics == 0 {
            return format!("{error} of nothing");
        }
        let part = at + 10 + 3 + 4 + 4;
        let code = i16::from_be_bytes(number(&out, part));
        let records = i32::from_be_bytes(number(&out, part + 2 + 24 + 4 + 4));
        let records = if records > 0 { "records" } else { "nothing" };
        format!("{code} with {records}")
    }

    fn session(&self, world: &World) -> i32 {
        let _ = self;
        let sessions = world.host.sessions();
        (1..).find(|id| sessions.size(*id) > 0).unwrap()
    }

    /// What it says of what happened, if it was told.
    fn hears(&mut self, world: &World, what: Happens) -> String {
        let late = matches!(what, TimeUp);
        if !late && !self.bell.take() {
            return QUIET.to_owned();
        }
        self.machine.look_again(&world.host, !late);
        self.says(world)
    }
}

fn waits(asks: Asks, script: &[(Happens, &str)]) {
    let mut world = World::new(&[1, 2], 1);
    let mut reader = Reader::new();
    assert_eq!(reader.asks(&world, &asks), PARKED);
    for (place, (what, expected)) in script.iter().enumerate() {
        world.happen(*what);
        let said = reader.hears(&world, *what);
        assert_eq!(said, *expected, "at step {place}");
    }
}

/// A reader would wait for nothing, or be told of what it must not see or has not asked for.
#[test]
fn what_there_is_decides_whether_it_waits() {
    let mut world = World::new(&[1], 1);
    world.happen(Appended(1));
    for (asks, expected) in [
        (ASKS, "0 with records"),
        (
            Asks {
                offset: Some(1),
                ..ASKS
            },
            PARKED,
        ),
        (
            Asks {
                offset: Some(1),
                wait_ms: 0,
                ..ASKS
            },
            "0 with nothing",
        ),
        (
            Asks {
                offset: Some(1),
                bytes_min: 0,
                ..ASKS
            },
            "0 with nothing",
        ),
        (
            Asks {
                bytes_min: 1 << 20,
                ..ASKS
            },
            PARKED,
        ),
        (
            Asks {
                offset: Some(2),
                ..ASKS
            },
            "1 with nothing",
        ),
        (Asks { epoch: 1, ..ASKS }, "75 with nothing"),
        (Asks { replica: 2, ..ASKS }, "75 with nothing"),
        (
            Asks {
                session: (9, 1),
                ..ASKS
            },
            "70 of nothing",
        ),
    ] {
        assert_eq!(Reader::new().asks(&world, &asks), expected);
    }
}

/// A consumer would sleep through what it waits for, or poll a partition that is led elsewhere until its time is up.
#[test]
fn a_parked_reader_hears_of_what_it_waits_for_and_of_ends() {
    let epoch = Asks { epoch: 0, ..ASKS };
    waits(
        ASKS,
        &[(Appended(1), QUIET), (Reached(1), "0 with records")],
    );
    waits(ASKS, &[(TimeUp, "0 with nothing")]);
    waits(ASKS, &[(Led(2, 1, &[1, 2], 1), "6 with nothing")]);
    waits(ASKS, &[(Led(1, 1, &[1, 2], 1), QUIET), (Chores, PARKED)]);
    waits(
        epoch,
        &[(Led(1, 1, &[1, 2], 1), QUIET), (Chores, "74 with nothing")],
    );
    waits(ASKS, &[(Deleted, "3 with nothing")]);
    waits(
        ASKS,
        &[(Appended(1), QUIET), (SyncFails, "56 with nothing")],
    );
}

/// An incremental session would be sent what it knows, again and again, or never hear of what is new.
#[test]
fn a_session_is_told_what_is_new() {
    let mut world = World::new(&[1], 1);
    let mut reader = Reader::new();
    let first = Asks {
        session: (0, 0),
        wait_ms: 0,
        ..ASKS
    };
    assert_eq!(reader.asks(&world, &first), "0 with nothing");
    let id = reader.session(&world);
    let next = |epoch, offset| Asks {
        session: (id, epoch),
        offset,
        wait_ms: 0,
        ..ASKS
    };
    assert_eq!(reader.asks(&world, &next(1, None)), "0 of nothing");
    world.happen(Appended(1));
    assert_eq!(reader.asks(&world, &next(2, None)), "0 with records");
    assert_eq!(reader.asks(&world, &next(3, Some(1))), "0 of nothing");
    assert_eq!(reader.asks(&world, &next(3, None)), "71 of nothing");
    let waits = Asks {
        wait_ms: 500,
        ..next(4, None)
    };
    assert_eq!(reader.asks(&world, &waits), PARKED);
    world.happen(Appended(1));
    assert_eq!(reader.hears(&world, Appended(1)), "0 with records");
    let last = Asks {
        session: (id, -1),
        ..next(0, Some(0))
    };
    assert_eq!(reader.asks(&world, &last), "0 with records");
    assert_eq!(reader.asks(&world, &next(5, None)), "70 of nothing");
}

/// A step that waits would hold up whoever shares its thread; and one whose time is up would never be answered.
#[test]
fn a_partition_that_is_held_makes_it_busy_until_its_time_is_up() {
    let mut world = World::new(&[1], 1);
    world.happen(Appended(1));
    let cell = world.cell();
    let held = cell.hold();
    let mut reader = Reader::new();
    assert_eq!(reader.asks(&world, &ASKS), "busy");
    reader.machine.hurry();
    assert_eq!(reader.says(&world), "56 with nothing");
    assert_eq!(
        reader.asks(&world, &ASKS),
        "busy",
        "the next one is in no hurry"
    );
    drop(held);
    assert_eq!(reader.says(&world), "0 with records");
}
