//! How fast events are judged, with one decoy and with ten thousand, on the recordings' events read beforehand.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::{hint::black_box, io::Read};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sundew_audit::{Event, parse};
use sundew_decoy::Inventory;
use sundew_detect::Tripwire;

fn recordings() -> String {
    let mut log = String::new();
    for name in ["quiet", "theft", "five"] {
        let path = format!("{}/../../recordings/{name}/audit.log.gz", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::File::open(path).expect("the recordings stand in the repository");
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut log).expect("the recordings are sound");
    }
    log
}

/// `count` decoys of which none is in the recordings, so that nothing but the search is measured.
fn tripwire(count: usize) -> Tripwire {
    let decoy = |i| {
        format!(
            "- {{namespace: team-{i}, account: runner-{i}, placements: [{{secret: runner-{i}-token, mountedBy: \
             {{workload: runner-{i}}}}}]}}\n"
        )
    };
    let decoys: String = (0..count).map(decoy).collect();
    let inventory =
        Inventory::read(&format!("version: 1\ndecoys:\n{decoys}")).expect("the inventory is sound");
    Tripwire::new(&inventory)
}

fn judge(c: &mut Criterion) {
    let log = recordings();
    let events: Vec<Event<'_>> =
        log.lines().map(|line| parse::event(line).expect("the recordings hold events alone")).collect();
    let mut group = c.benchmark_group("judge");
    group.throughput(Throughput::Elements(events.len() as u64));
    for count in [1, 100, 10_000] {
        let tripwire = tripwire(count);
        group.bench_function(format!("{count} decoys"), |b| {
            b.iter(|| {
                black_box(&events).iter().map(|event| tripwire.judge("default", event).len()).sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, judge);
criterion_main!(benches);
