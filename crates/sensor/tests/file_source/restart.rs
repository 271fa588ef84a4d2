//! Going on from a stored position.

use std::{fs, os::unix::fs::MetadataExt};

use sundew_sensor::source::file::{FilePosition, Notice, StartAt};

use crate::given::{Log, gzip, zstd};

/// Reads all of the log and returns where that ended.
fn read_through(log: &Log) -> FilePosition {
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    reader.position.unwrap()
}

#[test]
fn reading_goes_on_in_the_same_file() {
    let log = Log::with("one\ntwo\n");
    let position = read_through(&log);
    log.append("three\n");
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "three\n");
    assert_eq!(reader.told(), []);
}

#[test]
fn a_restart_in_the_middle_of_a_line_reads_that_line_from_its_beginning() {
    let log = Log::with("one\ntw");
    let position = read_through(&log);
    log.append("o\n");
    assert_eq!(log.resumed(&position).all(), "two\n");
}

#[test]
fn rotations_during_the_stop_are_caught_up_with_in_order() {
    let log = Log::with("zero\n");
    log.rotate(1);
    log.append("one\n");
    let position = read_through(&log);
    log.append("two\n");
    log.rotate(2);
    log.append("three\n");
    gzip(&log.rotate(3));
    log.append("four\n");
    zstd(&log.rotate(4));
    log.append("five\n");
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "two\nthree\nfour\nfive\n");
    assert_eq!(reader.told(), []);
    assert_eq!(reader.notices, []);
}

#[test]
fn a_file_that_was_compressed_during_the_stop_is_finished() {
    for pack in [gzip, zstd] {
        let log = Log::with("one\n");
        let position = read_through(&log);
        log.append("two\n");
        pack(&log.rotate(1));
        log.append("three\n");
        let mut reader = log.resumed(&position);
        assert_eq!(reader.all(), "two\nthree\n");
        assert_eq!(reader.told(), []);
    }
}

#[test]
fn a_position_in_a_backup_is_found_again_there() {
    let log = Log::with("one\n");
    log.rotate(1);
    log.append("two\n");
    log.rotate(2);
    log.append("three\n");
    let mut reader = log.reader(StartAt::OldestBackup);
    assert_eq!(reader.once().0, "one\n");
    let position = reader.position.unwrap();
    assert_eq!(position.backup.as_deref(), Some("2026-11-20T21-33-01.123"));
    gzip(&log.backup(1));
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "two\nthree\n");
    assert_eq!(reader.told(), []);
}

#[test]
fn where_the_file_is_gone_that_is_told_and_all_newer_files_are_read() {
    let log = Log::with("zero\n");
    log.rotate(1);
    log.append("one\n");
    let position = read_through(&log);
    assert_eq!(position.after.as_deref(), Some("2026-11-20T21-33-01.123"));
    log.append("lost\n");
    fs::remove_file(log.rotate(2)).unwrap();
    log.append("three\n");
    log.rotate(3);
    log.append("four\n");
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "three\nfour\n");
    let told = reader.told();
    assert!(matches!(&told[..], [Notice::Missed { what }] if what.contains("byte 4")), "{told:?}");
    assert!(told[0].is_gap());
}

#[test]
fn where_a_backup_that_was_being_read_is_gone_the_newer_ones_are_read() {
    let log = Log::with("one\nlost\n");
    log.rotate(1);
    log.append("two\n");
    log.rotate(2);
    log.append("three\n");
    let mut reader = log.reader(StartAt::OldestBackup);
    reader.once();
    let position = reader.position.unwrap();
    fs::remove_file(log.backup(1)).unwrap();
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "two\nthree\n");
    assert!(matches!(reader.told()[..], [Notice::Missed { .. }]));
}

#[test]
fn another_file_with_the_same_inode_is_not_taken_for_the_old_one() {
    let log = Log::with("one\ntwo\n");
    let mut position = read_through(&log);
    fs::remove_file(&log.path).unwrap();
    log.append("three\nfour\nfive\n");
    // Whether the file system used the inode again is its own affair: here it did.
    position.inode = fs::metadata(&log.path).unwrap().ino();
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "three\nfour\nfive\n");
    assert!(matches!(reader.told()[..], [Notice::Missed { .. }]));
}

#[test]
fn a_copy_of_the_file_on_another_volume_is_read_on() {
    let log = Log::with("one\n");
    let position = read_through(&log);
    let moved = Log::with("one\ntwo\n");
    let mut reader = moved.resumed(&position);
    assert_eq!(reader.all(), "two\n");
    assert_eq!(reader.told(), []);
}

#[test]
fn a_file_that_was_cut_short_during_the_stop_is_read_from_its_beginning() {
    let log = Log::with("one\ntwo\nthree\n");
    let position = read_through(&log);
    fs::write(&log.path, "one\nnew\n").unwrap();
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "one\nnew\n");
    assert_eq!(reader.told(), [Notice::Shrunk { file: log.path.clone(), from: 14, to: 8 }]);
}

#[test]
fn a_log_that_is_missing_at_the_restart_is_waited_for_with_the_position_kept() {
    let log = Log::with("one\n");
    let position = read_through(&log);
    let away = log.folder.path().join("away");
    fs::rename(&log.path, &away).unwrap();
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "");
    assert_eq!(reader.position, Some(position));
    assert_eq!(reader.told(), [Notice::Missing { file: log.path.clone() }]);
    fs::rename(&away, &log.path).unwrap();
    log.append("two\n");
    assert_eq!(reader.all(), "two\n");
    assert_eq!(reader.told(), [Notice::Appeared { file: log.path.clone() }]);
}

#[test]
fn an_empty_file_that_was_filled_and_rotated_during_the_stop_is_read_whole() {
    let log = Log::with("old\n");
    log.rotate(1);
    let position = read_through(&log);
    assert_eq!(position.first_line_hash, "");
    log.append("one\n");
    gzip(&log.rotate(2));
    log.append("two\n");
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "one\ntwo\n");
    assert_eq!(reader.told(), []);
}

#[test]
fn a_first_line_over_a_kibibyte_identifies_too() {
    let first = "x".repeat(5000);
    let log = Log::with(&format!("{first}\n"));
    let position = read_through(&log);
    log.append("two\n");
    log.rotate(1);
    log.append(&format!("{}\n", "y".repeat(5000)));
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), format!("two\n{}\n", "y".repeat(5000)));
    assert_eq!(reader.told(), []);
}

#[test]
fn the_same_reader_goes_on_after_a_gap_without_telling_it_again() {
    let log = Log::with("one\n");
    let position = read_through(&log);
    fs::remove_file(&log.path).unwrap();
    log.append("two\n");
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "two\n");
    let position = reader.position.clone().unwrap();
    log.append("three\n");
    let mut reader = log.resumed(&position);
    assert_eq!(reader.all(), "three\n");
    assert_eq!(reader.told(), []);
}
