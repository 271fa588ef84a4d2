//! A writer that rotates and compresses as fast as it can, against a reader that is stopped and started all the time.

use std::{
    collections::hash_map::RandomState,
    fs::{self, File},
    hash::{BuildHasher, Hasher},
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use sundew_sensor::source::file::{FilePosition, Notice, StartAt, TailOptions};

use crate::given::{Log, Reader, gzip, zstd};

const LINES: u32 = 20_000;

/// A small generator of numbers, seeded anew in each run; the seed is in the message of a failure.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn write(log: &Log, mut random: Random) {
    let create = || File::create_new(&log.path).unwrap();
    let mut file = create();
    let mut backups: Vec<PathBuf> = Vec::new();
    let mut next_rotation = 100;
    for n in 1..=LINES {
        let padding = "x".repeat(random.below(200) as usize);
        // One write a line, as the API server does.
        file.write_all(format!("{n} {padding}\n").as_bytes()).unwrap();
        if n == next_rotation {
            next_rotation += 250 + random.below(500) as u32;
            let second = backups.len() as u32;
            let stamp = format!("2026-11-20T21-{:02}-{:02}.{:03}", second / 60, second % 60, n % 1000);
            let backup = log.folder.path().join(format!("audit-{stamp}.log"));
            drop(file);
            fs::rename(&log.path, &backup).unwrap();
            file = create();
            backups.push(backup);
            compress_some(&backups, &mut random);
        }
        if random.below(60) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Compresses none, the newest backup, or one a little older.
fn compress_some(backups: &[PathBuf], random: &mut Random) {
    let back = random.below(6) as usize;
    let Some(backup) = backups.iter().rev().nth(back).filter(|backup| backup.exists()) else { return };
    let pack: fn(&Path) -> PathBuf = if random.below(2) == 0 { gzip } else { zstd };
    pack(backup);
}

#[test]
fn every_line_comes_once_and_in_order_through_rotations_and_restarts() {
    let seed = RandomState::new().build_hasher().finish() | 1;
    let log = Log::missing();
    let done = AtomicBool::new(false);
    let (numbers, notices, restarts) = thread::scope(|scope| {
        scope.spawn(|| {
            write(&log, Random(seed));
            done.store(true, Ordering::SeqCst);
        });
        read(&log, Random(seed ^ 0xabcd_ef01), &done)
    });
    assert!(numbers.iter().copied().eq(1..=LINES), "seed {seed}: {}", first_wrong(&numbers));
    let gaps: Vec<_> = notices.iter().filter(|notice| notice.is_gap()).collect();
    assert!(gaps.is_empty(), "seed {seed}: {gaps:?}");
    assert!(restarts >= 5, "seed {seed}: {restarts} restarts");
}

fn read(log: &Log, mut random: Random, done: &AtomicBool) -> (Vec<u32>, Vec<Notice>, u32) {
    let options = TailOptions { max_bytes: 4096, ..TailOptions::default() };
    let (mut numbers, mut notices, mut restarts) = (Vec::new(), Vec::new(), 0);
    let mut position: Option<FilePosition> = None;
    let begun = Instant::now();
    'restart: loop {
        let mut reader = Reader::new(log, position.clone(), StartAt::OldestBackup, options.clone());
        loop {
            let was_done = done.load(Ordering::SeqCst);
            let (lines, more) = reader.once();
            numbers.extend(lines.lines().map(|line| line.split(' ').next().unwrap().parse::<u32>().unwrap()));
            position.clone_from(&reader.position);
            notices.append(&mut reader.notices);
            if was_done && !more || begun.elapsed() > Duration::from_secs(60) {
                return (numbers, notices, restarts);
            }
            match random.below(20) {
                0 => {
                    restarts += 1;
                    // Sometimes long enough for several rotations.
                    thread::sleep(Duration::from_millis(random.below(8)));
                    continue 'restart;
                }
                _ if !more => {
                    reader.tail.wait(Duration::from_millis(5));
                }
                _ => {}
            }
        }
    }
}

fn first_wrong(numbers: &[u32]) -> String {
    let wrong = numbers.iter().zip(1..).position(|(&number, expected)| number != expected);
    let at = wrong.unwrap_or(numbers.len());
    format!("{} lines, after {:?} comes {:?}", numbers.len(), at.checked_sub(1), numbers.get(at))
}
