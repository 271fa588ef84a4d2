//! Rotation while the log is being followed.

use std::fs;

use sundew_sensor::source::file::{Notice, StartAt};

use crate::given::{Log, append, gzip, gzip_beside, zstd};

#[test]
fn a_rotated_file_is_finished_before_the_new_one() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "one\n");
    log.append("two\n");
    let backup = log.rotate(1);
    log.append("three\n");
    assert_eq!(reader.all(), "two\nthree\n");
    assert_eq!(reader.told(), [Notice::Rotated { to: backup }]);
}

#[test]
fn several_rotations_between_two_reads_lose_nothing() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "one\n");
    log.append("two\n");
    let first = log.rotate(1);
    log.append("three\n");
    gzip(&log.rotate(2));
    log.append("four\n");
    zstd(&log.rotate(3));
    log.append("five\n");
    log.rotate(4);
    log.append("six\n");
    assert_eq!(reader.all(), "two\nthree\nfour\nfive\nsix\n");
    assert_eq!(reader.told(), [Notice::Rotated { to: first }]);
}

#[test]
fn a_file_that_was_rotated_and_compressed_at_once_is_known_by_its_first_line() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "one\n");
    log.append("two\n");
    let packed = gzip(&log.rotate(1));
    log.append("three\n");
    assert_eq!(reader.all(), "two\nthree\n");
    assert_eq!(reader.told(), [Notice::Rotated { to: packed }]);
}

#[test]
fn backups_that_were_there_before_are_not_read() {
    let log = Log::with("old\n");
    log.rotate(1);
    log.append("older, compressed\n");
    gzip(&log.rotate(2));
    log.append("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "one\n");
    log.rotate(3);
    log.append("two\n");
    assert_eq!(reader.all(), "two\n");
}

#[test]
fn a_start_at_the_oldest_backup_reads_all_there_is_in_order() {
    let log = Log::with("one\n");
    gzip(&log.rotate(1));
    log.append("two\n");
    log.rotate(2);
    log.append("three\n");
    zstd(&log.rotate(3));
    log.append("four\n");
    let mut reader = log.reader(StartAt::OldestBackup);
    assert_eq!(reader.all(), "one\ntwo\nthree\nfour\n");
    assert_eq!(reader.told(), []);
}

#[test]
fn a_line_without_newline_at_the_end_of_a_rotated_file_is_handed_out_as_it_is() {
    let log = Log::with("one\ntw");
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "one\n");
    log.rotate(1);
    log.append("three\nfo");
    log.rotate(2);
    log.append("five\n");
    let mut reads = Vec::new();
    loop {
        let (lines, more) = reader.once();
        reads.push(lines);
        if !more {
            break;
        }
    }
    reads.retain(|lines| !lines.is_empty());
    assert_eq!(reads, ["tw", "three\n", "fo", "five\n"], "never glued to the next file's first line");
}

#[test]
fn the_plain_file_is_read_while_its_compressed_copy_is_being_written() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    log.append("two\n");
    log.rotate(1);
    log.append("three\n");
    let second = log.rotate(2);
    let packed = gzip_beside(&second);
    let whole = fs::read(&packed).unwrap();
    fs::write(&packed, &whole[..whole.len() / 2]).unwrap();
    log.append("four\n");
    assert_eq!(reader.all(), "two\nthree\nfour\n");
    assert!(matches!(reader.told()[..], [Notice::Rotated { .. }]));
}

#[test]
fn several_members_in_one_compressed_file_are_all_read() {
    let log = Log::with("one\n");
    let first = gzip(&log.rotate(1));
    append(&log.folder.path().join("more"), "two\n");
    let more = gzip(&log.folder.path().join("more"));
    let mut both = fs::read(&first).unwrap();
    both.extend(fs::read(more).unwrap());
    fs::write(&first, both).unwrap();
    log.append("three\n");
    assert_eq!(log.reader(StartAt::OldestBackup).all(), "one\ntwo\nthree\n");
}

#[test]
fn a_file_that_is_renamed_while_no_new_one_exists_is_read_on() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    let backup = log.backup(1);
    fs::rename(&log.path, &backup).unwrap();
    assert_eq!(reader.all(), "");
    append(&backup, "two\n");
    assert_eq!(reader.all(), "two\n");
    log.append("three\n");
    assert_eq!(reader.all(), "three\n");
    assert_eq!(reader.told(), [Notice::Rotated { to: backup }], "a moment's absence is not told");
}

#[test]
fn files_of_other_logs_in_the_folder_are_left_alone() {
    let log = Log::with("one\n");
    for name in ["audit-eu-2026-11-20T21-33-11.123.log", "other-2026-11-20T21-33-11.123.log", "audit.log.1"] {
        append(&log.folder.path().join(name), "not this\n");
    }
    assert_eq!(log.reader(StartAt::OldestBackup).all(), "one\n");
}
