//! A window shows of a file what reading it shows, and outlives a file that shrinks.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod common;

use std::{
    fs::File,
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use proptest::prelude::*;
use sundew_audit::{
    skim::{self, Names},
    window::{MOST, Window},
};

/// Windows are few in a process, and one of these tests takes all.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn names() -> Names {
    Names::new(["system:serviceaccount:kube-system:tiller", "exec", "a"])
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// What a skim points at, and how many lines it passes.
type Seen = (Vec<Vec<u8>>, u64);

fn copied(bytes: &[u8]) -> Seen {
    let mut lines = Vec::new();
    let passed = skim::skim_portable(&names(), bytes, |line| lines.push(bytes[line].to_vec()));
    (lines, passed)
}

/// The file through windows of `enough` bytes that may reach `more` bytes further; what no window can show is copied.
fn mapped(file: &File, bytes: &[u8], enough: usize, more: usize) -> Seen {
    let (mut lines, mut passed, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let most = (enough + more).min(bytes.len() - at);
        let Some(window) = Window::open(file, at as u64, enough, most).unwrap() else {
            let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end + 1);
            assert!(end - at > most || end == bytes.len(), "a line end within the window was not seen");
            let (some, few) = copied(&bytes[at..end]);
            lines.extend(some);
            passed += few;
            at = end;
            continue;
        };
        assert_eq!(bytes[at + window.len() - 1], b'\n');
        passed += window.skim(&names(), |line| lines.push(line.to_vec())).unwrap();
        at += window.len();
    }
    (lines, passed)
}

/// Lines of the recordings, short ones, empty ones, and the last perhaps without its end.
fn any_log() -> impl Strategy<Value = Vec<u8>> {
    let recorded = prop::sample::select(common::lines()).prop_map(String::into_bytes);
    let short = prop::sample::select(vec!["", " ", "x", "{}", r#"{"verb":"exec"}"#, r#"["a"]"#])
        .prop_map(|line| line.as_bytes().to_vec());
    let line = prop_oneof![3 => recorded, 1 => short, 1 => prop::collection::vec(any::<u8>(), 0..90)];
    (prop::collection::vec(line, 0..40), any::<bool>()).prop_map(|(lines, ended)| {
        let mut log = lines.join(&b'\n');
        if ended {
            log.push(b'\n');
        }
        log
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_content_through_windows_of_any_size_says_what_copying_it_says(
        log in any_log(),
        enough in 1usize..9_000,
        more in 0usize..9_000,
    ) {
        let _alone = alone();
        prop_assert_eq!(mapped(&file(&log), &log, enough, more), copied(&log));
    }
}

#[test]
fn a_window_ends_with_the_first_line_that_leaves_enough_or_the_last_there_is() {
    let _alone = alone();
    let file = file(b"one\ntwo\nthree\nfour");
    let length =
        |from, enough, most| Window::open(&file, from, enough, most).unwrap().map(|window| window.len());
    assert_eq!(length(0, 1, 18), Some(4));
    assert_eq!(length(0, 4, 18), Some(4));
    assert_eq!(length(0, 5, 18), Some(8));
    assert_eq!(length(0, 18, 18), Some(14));
    assert_eq!(length(4, 1, 6), Some(4));
    assert_eq!(length(8, 1, 5), None, "its line end is behind the window");
    assert_eq!(length(14, 1, 4), None, "the last line has no end");
}

/// A log over the size given in bytes.
fn long_log(size: usize) -> Vec<u8> {
    let mut log = Vec::new();
    for line in common::lines().iter().cycle() {
        if log.len() >= size {
            break;
        }
        log.extend_from_slice(line.as_bytes());
        log.push(b'\n');
    }
    log
}

#[test]
fn a_file_that_is_truncated_under_a_window_ends_the_window_and_not_the_process() {
    let _alone = alone();
    let log = long_log(1 << 20);
    let sound = file(&log);
    for kept in [0, 1, 5_000, 700_000] {
        let shrinking = file(&log);
        let window = Window::open(&shrinking, 0, log.len(), log.len()).unwrap().unwrap();
        let beside = Window::open(&sound, 0, log.len(), log.len()).unwrap().unwrap();
        shrinking.set_len(kept).unwrap();
        window.skim(&names(), |_| {}).expect_err("its pages are gone");
        window.skim(&names(), |_| {}).expect_err("they stay gone");
        assert_eq!(window.touch(), None);
        assert!(beside.skim(&names(), |_| {}).is_ok(), "another file's window is whole");
    }
}

#[test]
fn a_file_that_is_truncated_in_the_midst_of_a_pass_is_noticed() {
    let _alone = alone();
    let log = long_log(1 << 20);
    let shrinking = file(&log);
    let window = Window::open(&shrinking, 0, log.len(), log.len()).unwrap().unwrap();
    let mut looks = 0;
    let everything = Names::new(common::lines()[0].split('"'));
    let passed = window.skim(&everything, |_| {
        looks += 1;
        shrinking.set_len(0).unwrap();
    });
    passed.expect_err("its pages went away after the first look");
    assert!(looks > 0);
}

#[test]
fn a_window_past_the_end_of_a_file_is_refused() {
    let _alone = alone();
    let file = file(b"one\n");
    let error = Window::open(&file, 0, 1 << 20, 1 << 20).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn so_many_windows_are_open_at_a_time_and_no_more() {
    let _alone = alone();
    let file = file(b"one\n");
    let open = || Window::open(&file, 0, 4, 4);
    let windows: Vec<_> = (0..MOST).map(|_| open().unwrap().unwrap()).collect();
    assert_eq!(open().unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    drop(windows);
    assert!(open().unwrap().is_some());
}

#[test]
fn what_cannot_be_mapped_is_an_error() {
    let _alone = alone();
    let (reader, _writer) = io::pipe().unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(reader));
    assert!(Window::open(&pipe, 0, 10, 10).is_err());
}
