//! Waiting: what ends it, and what does not.

use std::{thread, time::Duration};

use sundew_sensor::source::file::{StartAt, TailOptions, Woken};

use crate::given::{Log, Reader, append};

/// Long enough that no test passes by its end.
const LONG: Duration = Duration::from_secs(60);

/// So long that a look at the file every now and then ends no wait.
fn by_inotify_alone(log: &Log) -> Reader {
    let options = TailOptions { poll: LONG, ..TailOptions::default() };
    let mut reader = Reader::new(log, None, StartAt::Beginning, options);
    reader.all();
    // The beginning of the watch itself is a reason to look.
    reader.tail.wait(Duration::from_millis(1));
    reader
}

/// Waits while another thread acts.
fn wait_while(reader: &mut Reader, timeout: Duration, act: impl FnOnce() + Send) -> Woken {
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            act();
        });
        reader.tail.wait(timeout)
    })
}

#[test]
fn an_append_ends_the_wait() {
    let log = Log::with("one\n");
    let mut reader = by_inotify_alone(&log);
    assert_eq!(wait_while(&mut reader, LONG, || log.append("two\n")), Woken::Changed);
    assert_eq!(reader.all(), "two\n");
}

#[test]
fn an_append_between_the_read_and_the_wait_is_not_overlooked() {
    let log = Log::with("one\n");
    let mut reader = by_inotify_alone(&log);
    log.append("two\n");
    assert_eq!(reader.tail.wait(LONG), Woken::Changed);

    // The same where only looking at the file helps.
    let options = TailOptions { poll: Duration::from_millis(20), ..TailOptions::default() };
    let mut reader = Reader::new(&log, None, StartAt::Beginning, options);
    reader.all();
    while reader.tail.wait(Duration::ZERO) == Woken::Changed {}
    log.append("three\n");
    assert_eq!(reader.tail.wait(LONG), Woken::Changed);
}

#[test]
fn a_rotation_ends_the_wait() {
    let log = Log::with("one\n");
    let mut reader = by_inotify_alone(&log);
    let rotate = || {
        log.rotate(1);
    };
    assert_eq!(wait_while(&mut reader, LONG, rotate), Woken::Changed);
}

#[test]
fn a_log_that_appears_ends_the_wait() {
    let log = Log::missing();
    let mut reader = by_inotify_alone(&log);
    assert_eq!(wait_while(&mut reader, LONG, || log.append("one\n")), Woken::Changed);
    assert_eq!(reader.all(), "one\n");
}

#[test]
fn an_append_behind_a_link_ends_the_wait() {
    let log = Log::with("one\n");
    let elsewhere = Log::missing();
    std::os::unix::fs::symlink(&log.path, &elsewhere.path).unwrap();
    let mut reader = by_inotify_alone(&elsewhere);
    assert_eq!(wait_while(&mut reader, LONG, || log.append("two\n")), Woken::Changed);
}

#[test]
fn a_log_in_a_folder_made_later_is_found_by_looking() {
    let mut log = Log::missing();
    log.path = log.folder.path().join("kubernetes/audit.log");
    let options = TailOptions { poll: Duration::from_millis(20), ..TailOptions::default() };
    let mut reader = Reader::new(&log, None, StartAt::Beginning, options);
    reader.all();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            std::fs::create_dir(log.path.parent().unwrap()).unwrap();
            log.append("one\n");
        });
        while reader.all() != "one\n" {
            reader.tail.wait(LONG);
        }
    });
}

#[test]
fn other_files_in_the_folder_do_not_end_the_wait() {
    let log = Log::with("one\n");
    let mut reader = by_inotify_alone(&log);
    let write_another = || append(&log.folder.path().join("other.log"), "x\n");
    assert_eq!(wait_while(&mut reader, Duration::from_millis(150), write_another), Woken::TimedOut);
}

#[test]
fn reading_the_log_does_not_end_the_wait() {
    let log = Log::with("one\n");
    let mut reader = by_inotify_alone(&log);
    let read = || assert_eq!(std::fs::read(&log.path).unwrap(), b"one\n");
    assert_eq!(wait_while(&mut reader, Duration::from_millis(150), read), Woken::TimedOut);
}

#[test]
fn the_waker_ends_the_wait_and_also_one_that_begins_later() {
    let log = Log::with("one\n");
    let mut reader = by_inotify_alone(&log);
    let waker = reader.tail.waker();
    assert_eq!(wait_while(&mut reader, LONG, || waker.wake()), Woken::Changed);
    waker.wake();
    waker.wake();
    assert_eq!(reader.tail.wait(LONG), Woken::Changed);
    assert_eq!(reader.tail.wait(Duration::from_millis(1)), Woken::TimedOut);
}

#[test]
fn a_log_that_cannot_be_read_is_tried_again_without_any_change() {
    let log = Log::missing();
    std::fs::create_dir(&log.path).unwrap();
    let options = TailOptions { poll: Duration::from_millis(20), ..TailOptions::default() };
    let mut reader = Reader::new(&log, None, StartAt::Beginning, options);
    reader.all();
    while reader.tail.wait(LONG) == Woken::Changed {}
}
