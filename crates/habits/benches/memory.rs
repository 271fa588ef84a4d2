//! How long one observation takes, and one more of the same.
#![allow(clippy::unwrap_used, reason = "a benchmark stops where it cannot go on")]

use std::{fs::File, hint::black_box, io::Read};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use sundew_audit::{Event, parse};
use sundew_habits::{Memory, Seen, Settings, Slots};

fn recording(name: &str) -> String {
    let path = format!("{}/../../recordings/{name}/audit.log.gz", env!("CARGO_MANIFEST_DIR"));
    let mut log = String::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut log).unwrap();
    log
}

/// A time, and the requests that are only counted when they come again at that time.
fn at_the_end(memory: &mut Memory, seen: &[(Seen<'static>, Timestamp)]) -> (Timestamp, Vec<Slots>) {
    let end = seen.iter().map(|(_, time)| *time).max().unwrap();
    for (seen, _) in seen {
        memory.observe("test", seen, end);
    }
    let all: Vec<Slots> = seen.iter().map(|(seen, _)| memory.observe("test", seen, end).slots).collect();
    (end, all.into_iter().filter(|slots| memory.again(*slots, end)).collect())
}

fn memory(c: &mut Criterion) {
    let log = recording("quiet");
    let events: Vec<Event<'_>> = log.lines().map(|line| parse::event(line).unwrap()).collect();
    let seen: Vec<(Seen<'static>, Timestamp)> =
        events.iter().filter_map(|event| Some((Seen::of(event)?.into_owned(), event.time()?))).collect();
    let mut memory = Memory::new(Settings { teaching: true, ..Settings::default() });
    for (seen, time) in &seen {
        memory.observe("test", seen, *time);
    }
    memory.set(Settings::default());

    let mut group = c.benchmark_group("memory");
    group.throughput(Throughput::Elements(seen.len() as u64));
    group.bench_function("seen", |b| {
        b.iter(|| events.iter().filter_map(|event| black_box(Seen::of(event))).count());
    });
    group.bench_function("observe", |b| {
        b.iter(|| {
            for (seen, time) in &seen {
                black_box(memory.observe("test", seen, *time));
            }
        });
    });
    let (end, slots) = at_the_end(&mut memory, &seen);
    group.throughput(Throughput::Elements(slots.len() as u64));
    group.bench_function("again", |b| {
        b.iter(|| assert!(slots.iter().all(|slots| memory.again(*slots, end))));
    });
    group.finish();
}

criterion_group!(benches, memory);
criterion_main!(benches);
