//! Replay over files at rest: every form of input, and the same outcomes whatever the number of threads.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::AtomicU64,
};

use common::{inventory, recording, recording_path, theft};
use flate2::{Compression, write::GzEncoder};
use sundew_audit::Reason;
use sundew_detect::{Detectors, Finding, Outcome, Tripwire, Watch};
use sundew_sensor::replay::{Input, Reading, Replay, Summary};
use tempfile::TempDir;

const READINGS: [Reading; 3] = [Reading::Skim, Reading::Full, Reading::Plain];
const RECORDINGS: [&str; 3] = ["quiet", "theft", "five"];

/// Everything that is told, in order, and the summary.
fn replay_by(reading: Reading, threads: usize, paths: &[PathBuf]) -> (Vec<Outcome>, Summary) {
    let detectors = Detectors::tripwire(Tripwire::new(&inventory()));
    let progress = AtomicU64::new(0);
    let replay = Replay { detectors: &detectors, cluster: "default", threads, reading, progress: &progress };
    let mut outcomes = Vec::new();
    let summary = replay.run(&Input::expand(paths).unwrap(), &mut Watch::default(), |outcome| {
        outcomes.push(outcome);
        true
    });
    (outcomes, summary)
}

fn replay(paths: &[PathBuf]) -> (Vec<Outcome>, Summary) {
    replay_by(Reading::Skim, 2, paths)
}

fn findings(outcomes: &[Outcome]) -> Vec<&Finding> {
    let mut findings = Vec::new();
    for outcome in outcomes {
        if let Outcome::Finding(finding) = outcome {
            findings.push(finding);
        }
    }
    findings
}

/// What a summary counts, in a form that can be compared.
fn counts(summary: &Summary) -> String {
    let Summary { events, bytes, rejects, suppressed, failures, samples } = summary;
    let samples: Vec<_> = samples.iter().map(|(_, reject, text)| (reject, text)).collect();
    format!("{events} {bytes} {rejects:?} {suppressed:?} {failures:?} {samples:?}")
}

fn write(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The recorded theft several times over, with input in between that is no event.
fn long_log(times: usize) -> String {
    let log = recording("theft");
    let mut long = String::new();
    for n in 0..times {
        long.push_str(&log);
        long.push_str(&theft(n as u32, "10.0.0.1"));
        long.push_str("klog: this is no event\n{\"cut\":\"system:serviceaccount:kube-system:tiller\n");
    }
    long
}

#[test]
fn all_ways_of_reading_find_the_same_in_every_recording() {
    for name in RECORDINGS {
        let path = [recording_path(name)];
        let (outcomes, summary) = replay_by(Reading::Full, 1, &path);
        assert_eq!(summary.events, recording(name).lines().count() as u64, "{name}");
        assert_eq!(findings(&outcomes).is_empty(), name == "quiet", "{name}");
        for reading in READINGS {
            for threads in [1, 3] {
                let (again, summary_again) = replay_by(reading, threads, &path);
                assert_eq!(again, outcomes, "{name} by {reading:?} with {threads} threads");
                assert_eq!(counts(&summary_again), counts(&summary), "{name} by {reading:?}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let paths = [write(&folder, "audit.log", long_log(3)), recording_path("five"), recording_path("quiet")];
    let (outcomes, summary) = replay_by(Reading::Skim, 1, &paths);
    assert!(outcomes.len() > 60, "{}", outcomes.len());
    assert_eq!(summary.rejects[&Reason::NotJson], 3);
    assert_eq!(summary.rejects[&Reason::CutOff], 3);
    for threads in [2, 5, 16] {
        let (again, summary_again) = replay_by(Reading::Skim, threads, &paths);
        assert_eq!(again, outcomes, "{threads} threads");
        assert_eq!(counts(&summary_again), counts(&summary), "{threads} threads");
    }
}

#[test]
fn the_same_log_in_any_packing_says_the_same() {
    let folder = TempDir::new().unwrap();
    let log = long_log(1);
    let (outcomes, summary) = replay(&[write(&folder, "plain/audit.log", &log)]);
    let (head, tail) = log.as_bytes().split_at(1_000_000);
    let packed = [
        ("gz", gzip(log.as_bytes())),
        ("two.gz", [gzip(head), gzip(tail)].concat()),
        ("zst", zstd::encode_all(log.as_bytes(), 1).unwrap()),
        // The name says nothing.
        ("log", gzip(log.as_bytes())),
    ];
    for (name, bytes) in packed {
        let (again, summary_again) = replay(&[write(&folder, &format!("packed/audit.{name}"), bytes)]);
        assert_eq!(again, outcomes, "{name}");
        assert_eq!(counts(&summary_again), counts(&summary), "{name}");
    }
}

#[test]
fn a_folder_is_its_files_in_order_of_their_names() {
    let folder = TempDir::new().unwrap();
    write(&folder, "logs/audit-2026-11-20.log.gz", gzip(theft(1, "10.0.0.1").as_bytes()));
    write(&folder, "logs/audit-2026-11-21.log", theft(2, "10.0.0.2"));
    write(&folder, "logs/older/audit.log", theft(4, "10.0.0.4"));
    write(&folder, "logs/audit.log", theft(3, "10.0.0.3"));
    std::os::unix::fs::symlink(folder.path(), folder.path().join("logs/back")).unwrap();
    let (outcomes, summary) = replay(&[folder.path().join("logs")]);
    let peers: Vec<_> = findings(&outcomes).into_iter().filter_map(|f| f.actor.ip.as_deref()).collect();
    assert_eq!(peers, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]);
    assert!(summary.failures.is_empty() && summary.rejects.is_empty());
}

#[test]
fn a_path_that_does_not_exist_is_named() {
    let (path, error) = Input::expand(&[PathBuf::from("/nowhere/audit.log")]).unwrap_err();
    assert_eq!(
        (path.as_path(), error.kind()),
        (Path::new("/nowhere/audit.log"), std::io::ErrorKind::NotFound)
    );
}

#[test]
fn of_a_truncated_archive_what_was_before_counts_and_the_rest_is_reported() {
    let folder = TempDir::new().unwrap();
    let (whole, _) = replay(&[recording_path("theft")]);
    let bytes = fs::read(recording_path("theft")).unwrap();
    let cut = write(&folder, "cut.log.gz", &bytes[..bytes.len() * 99 / 100]);
    let behind = write(&folder, "next.log", theft(1, "10.0.0.1"));
    for threads in [1, 4] {
        let (outcomes, summary) = replay_by(Reading::Skim, threads, &[cut.clone(), behind.clone()]);
        assert_eq!(summary.failures.len(), 1);
        assert_eq!(summary.failures[0].0, cut.display().to_string());
        let (last, before) = outcomes.split_last().unwrap();
        assert!(before.len() > whole.len() / 2, "{} of {}", before.len(), whole.len());
        assert_eq!(before, &whole[..before.len()]);
        assert_eq!(findings(std::slice::from_ref(last))[0].actor.ip.as_deref(), Some("10.0.0.1"));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_reported_and_the_next_is_read() {
    let folder = TempDir::new().unwrap();
    let gone = write(&folder, "gone.log", "");
    let here = write(&folder, "here.log", theft(1, "10.0.0.1"));
    let inputs = Input::expand(&[gone.clone(), here]).unwrap();
    fs::remove_file(&gone).unwrap();
    let detectors = Detectors::tripwire(Tripwire::new(&inventory()));
    let progress = AtomicU64::new(0);
    let replay = Replay {
        detectors: &detectors,
        cluster: "default",
        threads: 2,
        reading: Reading::Skim,
        progress: &progress,
    };
    let mut told = 0;
    let summary = replay.run(&inputs, &mut Watch::default(), |_| {
        told += 1;
        true
    });
    assert_eq!((told, summary.events, summary.failures.len()), (1, 1, 1));
    assert_eq!(summary.failures[0].0, gone.display().to_string());
}

#[test]
fn a_line_of_20_megabytes_is_searched_in_pieces_and_told_once() {
    let folder = TempDir::new().unwrap();
    // A name at the beginning, one across a border between pieces, and one at the end.
    let name = "\"system:serviceaccount:kube-system:tiller\"";
    let mut line = vec![b'x'; 20 << 20];
    for at in [100, (16 << 20) - 20, (20 << 20) - 200] {
        line[at..at + name.len()].copy_from_slice(name.as_bytes());
    }
    let log = [theft(1, "10.0.0.1").as_bytes(), &line, b"\n", theft(2, "10.0.0.2").as_bytes()].concat();
    let path = [write(&folder, "audit.log", &log)];
    for (reading, threads) in READINGS.into_iter().zip([4, 1, 2]) {
        let (outcomes, summary) = replay_by(reading, threads, &path);
        let rules: Vec<_> = findings(&outcomes).into_iter().map(|f| f.rule.as_str()).collect();
        assert_eq!(
            rules,
            ["tripwire.token_used", "tripwire.unreadable", "tripwire.token_used"],
            "{reading:?}"
        );
        assert_eq!((summary.events, summary.rejects[&Reason::TooLong]), (2, 1));
    }
}

#[test]
fn a_name_across_the_border_of_two_pieces_is_found() {
    let folder = TempDir::new().unwrap();
    let name = "\"system:serviceaccount:kube-system:tiller\"";
    let mut line = vec![b'x'; 17 << 20];
    let at = (16 << 20) - 20;
    line[at..at + name.len()].copy_from_slice(name.as_bytes());
    let (outcomes, _) = replay(&[write(&folder, "border.log", &line)]);
    assert_eq!(findings(&outcomes).len(), 1);
}

/// The events of the recorded theft several times over as one list, larger than the longest line.
fn large_list(times: usize, event: impl Fn(&str) -> String) -> String {
    let log = recording("theft");
    let events: Vec<String> = log.lines().map(event).collect();
    let all = vec![events.join(","); times].join(",");
    let list =
        format!(r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{{}},"items":[{all}]}}"#);
    assert!(list.len() > 16 << 20);
    list
}

fn assert_read_in_full(list: String, times: usize) {
    let folder = TempDir::new().unwrap();
    let (once, summary_once) = replay(&[recording_path("theft")]);
    let (outcomes, summary) = replay(&[write(&folder, "list.json", list)]);
    assert_eq!(summary.events, summary_once.events * times as u64);
    assert_eq!(findings(&outcomes).len(), findings(&once).len() * times);
    assert!(summary.rejects.is_empty(), "{:?}", summary.samples);
}

#[test]
fn a_list_on_one_line_that_is_larger_than_the_longest_line_is_read_in_full() {
    assert_read_in_full(large_list(5, str::to_owned), 5);
}

#[test]
fn a_large_list_over_many_lines_is_read_in_full() {
    let pretty = |event: &str| {
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        serde_json::to_string_pretty(&event).unwrap()
    };
    let list =
        large_list(4, pretty).replacen(r#"{"kind":"EventList","#, "{\n  \"kind\": \"EventList\",\n", 1);
    assert_read_in_full(list, 4);
}

/// `line` as a container runtime logs it, in parts of at most `size` bytes.
fn cri(line: &str, size: usize) -> String {
    let parts: Vec<&[u8]> = line.as_bytes().chunks(size).collect();
    let last = parts.len() - 1;
    let mut text = String::new();
    for (n, part) in parts.into_iter().enumerate() {
        let tag = if n == last { 'F' } else { 'P' };
        text.push_str(&format!(
            "2026-11-21T10:00:00.123456789Z stdout {tag} {}\n",
            str::from_utf8(part).unwrap()
        ));
    }
    text
}

#[test]
fn a_container_log_with_parts_of_lines_says_the_same_as_the_log_itself() {
    let folder = TempDir::new().unwrap();
    let log: String = recording("theft").lines().map(|line| cri(line, 700)).collect();
    let path = [write(&folder, "0.log", log)];
    let (outcomes, summary) = replay(&[recording_path("theft")]);
    for reading in READINGS {
        for threads in [1, 4] {
            let (again, summary_again) = replay_by(reading, threads, &path);
            assert_eq!(again, outcomes, "{reading:?} with {threads} threads");
            assert_eq!((summary_again.events, summary_again.rejects.len()), (summary.events, 0));
        }
    }
}

#[test]
fn a_part_whose_rest_never_came_still_counts_also_where_the_archive_breaks_off() {
    let folder = TempDir::new().unwrap();
    let mut log: String = recording("quiet").lines().take(50).map(|line| cri(line, 300)).collect();
    let stolen = cri(theft(1, "10.0.0.1").trim_end(), 600);
    log.push_str(&stolen[..=stolen.find('\n').unwrap()]);
    let whole = write(&folder, "0.log", &log);
    // The trailer is missing: all bytes come out, and then the archive is found to be cut off.
    let packed = gzip(log.as_bytes());
    let cut = write(&folder, "0.log.gz", &packed[..packed.len() - 6]);
    for (path, failures) in [(whole, 0), (cut, 1)] {
        let (outcomes, summary) = replay(&[path]);
        assert_eq!(summary.failures.len(), failures);
        assert_eq!(summary.rejects[&Reason::CutOff], 1);
        assert_eq!(findings(&outcomes).len(), 1, "it names a decoy");
    }
}

/// A plain log of several windows, with a line in it that is longer than a window, and no end to its last line.
fn log_of_windows() -> String {
    let (theft_log, quiet) = (recording("theft"), recording("quiet"));
    let mut log = theft_log.clone();
    while log.len() < 6 << 20 {
        log.push_str(&quiet);
    }
    log.push_str(&format!("{{\"long\":\"{}\"}}\n{theft_log}", "x".repeat(7 << 20)));
    while log.len() < 23 << 20 {
        log.push_str(&quiet);
    }
    log.push_str(theft(1, "10.0.0.1").trim_end());
    log
}

#[test]
fn what_is_passed_over_in_the_page_cache_says_what_reading_it_says() {
    let folder = TempDir::new().unwrap();
    let log = log_of_windows();
    let packed = write(&folder, "0.zst", zstd::encode_all(log.as_bytes(), 1).unwrap());
    let plain = write(&folder, "0.log", &log);
    let (outcomes, summary) = replay_by(Reading::Skim, 1, &[packed]);
    assert_eq!(summary.bytes, log.len() as u64);
    for threads in [1, 12] {
        let (again, summary_again) = replay_by(Reading::Skim, threads, std::slice::from_ref(&plain));
        assert!(again == outcomes, "{threads} threads");
        assert_eq!(counts(&summary_again), counts(&summary), "{threads} threads");
    }
}

#[test]
fn of_a_file_that_is_truncated_while_it_is_read_the_rest_counts_and_the_loss_is_reported() {
    let folder = TempDir::new().unwrap();
    let log = log_of_windows();
    let detectors = Detectors::tripwire(Tripwire::new(&inventory()));
    let progress = AtomicU64::new(0);
    for (kept, reading) in [(5_000_000, Reading::Skim), (5_000_000, Reading::Full), (100, Reading::Skim)] {
        let path = write(&folder, "audit.log", &log);
        let behind = write(&folder, "behind.log", theft(2, "10.0.0.2"));
        let replay =
            Replay { detectors: &detectors, cluster: "default", threads: 1, reading, progress: &progress };
        let mut last = None;
        let summary =
            replay.run(&Input::expand(&[path.clone(), behind]).unwrap(), &mut Watch::default(), |outcome| {
                if last.is_none() {
                    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(kept).unwrap();
                }
                last = Some(outcome);
                true
            });
        let failures: Vec<_> = summary.failures.iter().map(|(input, e)| format!("{input}: {e}")).collect();
        let expected = format!("{}: the file was shortened while it was read", path.display());
        assert_eq!(failures, [expected], "{kept} by {reading:?}");
        assert!(summary.bytes >= kept && summary.bytes < 6_000_000, "{}", summary.bytes);
        assert_eq!(findings(last.as_slice())[0].actor.ip.as_deref(), Some("10.0.0.2"));
    }
}

#[test]
fn nobody_is_told_more_than_they_want_to_know() {
    let detectors = Detectors::tripwire(Tripwire::new(&inventory()));
    let progress = AtomicU64::new(0);
    for threads in [1, 4] {
        let replay = Replay {
            detectors: &detectors,
            cluster: "default",
            threads,
            reading: Reading::Skim,
            progress: &progress,
        };
        let mut told = 0;
        replay.run(&Input::expand(&[recording_path("theft")]).unwrap(), &mut Watch::default(), |_| {
            told += 1;
            told < 3
        });
        assert_eq!(told, 3);
    }
}

#[test]
fn empty_input_is_nothing() {
    let folder = TempDir::new().unwrap();
    let paths = [
        write(&folder, "empty.log", ""),
        write(&folder, "blank.log", "\n\n \n"),
        write(&folder, "e.gz", gzip(b"")),
    ];
    let (outcomes, summary) = replay(&paths);
    assert_eq!((outcomes.len(), summary.events, summary.rejects.len(), summary.failures.len()), (0, 0, 0, 0));
}
