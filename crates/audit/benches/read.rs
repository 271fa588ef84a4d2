//! How fast bytes become events: the skim, the full reader and `serde_json`, side by side on the recordings.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::{hint::black_box, io::Read};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sundew_audit::{Event, parse, plain, print, skim};

fn recording() -> Vec<u8> {
    let mut log = Vec::new();
    for name in ["quiet", "theft", "five"] {
        let path = format!("{}/../../recordings/{name}/audit.log.gz", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::File::open(path).expect("the recordings stand in the repository");
        flate2::read::MultiGzDecoder::new(file).read_to_end(&mut log).expect("the recordings are sound");
    }
    log
}

/// `count` decoys of which none is in the recordings, so that nothing but the search is measured.
fn names(count: usize) -> skim::Names {
    let all: Vec<String> = (0..count)
        .flat_map(|i| {
            [
                format!("system:serviceaccount:team-{i}:runner-{i}"),
                format!("runner-{i}-token"),
                format!("runner-{i}"),
            ]
        })
        .chain(["Unauthorized", "exec", "attach", "portforward", "ephemeralcontainers"].map(String::from))
        .collect();
    skim::Names::new(all.iter().map(String::as_str))
}

fn all_fields(lines: &[&str]) -> usize {
    lines.iter().filter(|line| parse::event(line).is_ok_and(|e: Event<'_>| black_box(e).is_audit())).count()
}

fn read(c: &mut Criterion) {
    let log = recording();
    let text = std::str::from_utf8(&log).expect("the recordings are UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Bytes(log.len() as u64));
    for count in [1, 100, 10_000] {
        let names = names(count);
        group.bench_function(format!("skim/{count} decoys"), |b| {
            b.iter(|| skim::skim(&names, black_box(&log), |range| _ = black_box(range)));
        });
    }
    let one = names(1);
    group.bench_function("skim/with 256 bits", |b| {
        b.iter(|| skim::skim_256(&one, black_box(&log), |range| _ = black_box(range)));
    });
    group.bench_function("skim/portable", |b| {
        b.iter(|| skim::skim_portable(&one, black_box(&log), |range| _ = black_box(range)));
    });
    let mut printer = print::Printer::default();
    group.bench_function("print", |b| {
        b.iter(|| black_box(&lines).iter().filter(|line| printer.take(line.as_bytes()).is_some()).count());
    });
    group.bench_function("all fields", |b| b.iter(|| all_fields(black_box(&lines))));
    group.bench_function("all fields, with UTF-8 check", |b| {
        b.iter(|| {
            all_fields(
                &black_box(&log)
                    .split(|c| *c == b'\n')
                    .filter_map(|l| simdutf8::basic::from_utf8(l).ok())
                    .collect::<Vec<_>>(),
            )
        });
    });
    group.bench_function("serde_json", |b| {
        b.iter(|| black_box(&lines).iter().filter(|l| plain::event(l).is_ok()).count());
    });
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
