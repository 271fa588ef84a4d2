//! Logs that are missing, cut short, replaced, unreadable or damaged.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    time::Duration,
};

use sundew_sensor::source::file::{Notice, StartAt, TailOptions};

use crate::given::{Log, Reader, append, gzip};

/// Misses a log as soon as it is gone.
fn impatient() -> TailOptions {
    TailOptions { absence: Duration::ZERO, ..TailOptions::default() }
}

#[test]
fn a_log_that_appears_later_is_read_from_its_first_line() {
    let log = Log::missing();
    let mut reader = log.reader(StartAt::End);
    assert_eq!(reader.all(), "");
    assert_eq!(reader.all(), "");
    assert_eq!(reader.position, None);
    assert_eq!(reader.told(), [Notice::Missing { file: log.path.clone() }], "told once");
    log.append("one\n");
    log.rotate(1);
    log.append("two\n");
    assert_eq!(reader.all(), "one\ntwo\n");
    assert_eq!(reader.told(), [Notice::Appeared { file: log.path.clone() }]);
}

#[test]
fn a_log_in_a_folder_that_appears_later_is_read() {
    let mut log = Log::missing();
    let folder = log.folder.path().join("kubernetes");
    log.path = folder.join("audit.log");
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "");
    fs::create_dir(&folder).unwrap();
    log.append("one\n");
    assert_eq!(reader.all(), "one\n");
}

#[test]
fn a_file_that_is_cut_short_is_read_from_its_beginning() {
    let log = Log::with("one\ntwo\nthr");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    File::options().write(true).open(&log.path).unwrap().set_len(0).unwrap();
    log.append("four\n");
    assert_eq!(reader.all(), "four\n");
    assert_eq!(reader.told(), [Notice::Shrunk { file: log.path.clone(), from: 8, to: 5 }]);
    log.append("five\n");
    assert_eq!(reader.all(), "five\n");
    assert_eq!(reader.told(), []);
}

#[test]
fn a_file_that_is_written_anew_in_place_and_is_longer_already_is_noticed() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    fs::write(&log.path, "two\nthree\n").unwrap();
    assert_eq!(reader.all(), "two\nthree\n");
    assert_eq!(reader.told(), [Notice::Shrunk { file: log.path.clone(), from: 4, to: 10 }]);
}

#[test]
fn a_file_put_in_the_place_of_the_old_one_is_read_after_the_old_ones_rest() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    log.append("two\n");
    fs::rename(&log.path, log.folder.path().join("saved")).unwrap();
    log.append("three\n");
    assert_eq!(reader.all(), "two\nthree\n");
    assert_eq!(reader.told(), [Notice::Replaced { file: log.path.clone() }]);
    let position = reader.position.clone().unwrap();
    log.append("four\n");
    assert_eq!(log.resumed(&position).all(), "four\n");
}

#[test]
fn a_deleted_and_recreated_file_is_read_from_its_beginning() {
    let log = Log::with("one\ntwo\n");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    fs::remove_file(&log.path).unwrap();
    log.append("three\nfour\nfive\n");
    assert_eq!(reader.all(), "three\nfour\nfive\n");
    assert_eq!(reader.told(), [Notice::Replaced { file: log.path.clone() }]);
}

#[test]
fn a_log_that_is_gone_for_longer_than_its_time_is_told_once_until_it_is_back() {
    let log = Log::with("one\n");
    let mut reader = Reader::new(&log, None, StartAt::Beginning, impatient());
    for _ in 0..2 {
        reader.all();
        fs::remove_file(&log.path).unwrap();
        for _ in 0..5 {
            assert_eq!(reader.all(), "");
        }
        assert_eq!(reader.told(), [Notice::Gone { file: log.path.clone() }]);
        log.append("two\n");
        assert_eq!(reader.all(), "two\n");
        let file = log.path.clone();
        assert_eq!(reader.told(), [Notice::Replaced { file: file.clone() }, Notice::Appeared { file }]);
    }
}

#[test]
fn the_moment_between_a_rename_and_the_new_file_is_not_worth_a_word() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    let backup = log.backup(1);
    fs::rename(&log.path, &backup).unwrap();
    for _ in 0..5 {
        assert_eq!(reader.all(), "");
    }
    log.append("two\n");
    assert_eq!(reader.all(), "two\n");
    assert_eq!(reader.told(), [Notice::Rotated { to: backup }]);
}

#[test]
fn a_log_that_was_read_before_a_restart_and_does_not_come_back_is_told() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    fs::remove_file(&log.path).unwrap();
    let mut reader = Reader::new(&log, reader.position, StartAt::Beginning, impatient());
    for _ in 0..5 {
        assert_eq!(reader.all(), "");
    }
    let file = log.path.clone();
    assert_eq!(reader.told(), [Notice::Missing { file: file.clone() }, Notice::Gone { file }]);
}

#[test]
fn a_log_that_could_not_be_read_and_then_goes_is_told_once() {
    let log = Log::with("one\n");
    let mut reader = Reader::new(&log, None, StartAt::Beginning, impatient());
    reader.all();
    fs::remove_file(&log.path).unwrap();
    fs::create_dir(&log.path).unwrap();
    assert_eq!(reader.all(), "");
    assert!(matches!(reader.told()[..], [Notice::Replaced { .. }, Notice::Unreadable { .. }]));
    fs::remove_dir(&log.path).unwrap();
    assert_eq!(reader.all(), "");
    assert_eq!(reader.told(), []);
}

#[test]
fn a_folder_in_place_of_the_log_is_told_once_and_waited_out() {
    let log = Log::missing();
    fs::create_dir(&log.path).unwrap();
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "");
    assert_eq!(reader.all(), "");
    let told = reader.told();
    assert!(
        matches!(&told[..], [Notice::Unreadable { file, why }] if *file == log.path && why.contains("not a regular file")),
        "{told:?}"
    );
    fs::remove_dir(&log.path).unwrap();
    log.append("one\n");
    assert_eq!(reader.all(), "one\n");
    assert_eq!(reader.told(), [Notice::Appeared { file: log.path.clone() }]);
}

#[test]
fn a_pipe_in_place_of_the_log_does_not_block() {
    let log = Log::missing();
    let made = std::process::Command::new("mkfifo").arg(&log.path).status().unwrap();
    assert!(made.success());
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "");
    assert!(matches!(reader.told()[..], [Notice::Unreadable { .. }]));
}

/// Root reads whatever the mode says: as root this only shows that the mode does not stop it.
#[test]
fn a_log_without_read_access_is_told_once_and_read_when_access_is_given() {
    let log = Log::with("one\n");
    fs::set_permissions(&log.path, Permissions::from_mode(0o000)).unwrap();
    let mut reader = log.reader(StartAt::Beginning);
    if File::open(&log.path).is_ok() {
        assert_eq!(reader.all(), "one\n");
        return;
    }
    assert_eq!(reader.all(), "");
    assert_eq!(reader.all(), "");
    let told = reader.told();
    assert!(matches!(&told[..], [Notice::Unreadable { why, .. }] if why.contains("read access")), "{told:?}");
    fs::set_permissions(&log.path, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(reader.all(), "one\n");
    assert_eq!(reader.told(), [Notice::Appeared { file: log.path.clone() }]);
}

#[test]
fn a_damaged_backup_is_told_as_a_gap_and_does_not_hold_up_what_follows() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    log.rotate(1);
    log.append(&(0..50_000).map(|n| format!("line {n}\n")).collect::<String>());
    let packed = gzip(&log.rotate(2));
    let whole = fs::read(&packed).unwrap();
    fs::write(&packed, &whole[..whole.len() / 2]).unwrap();
    log.append("three\n");

    let text = reader.all();
    assert!(text.starts_with("line 0\nline 1\n") && text.ends_with("\nthree\n"), "what can be read is");
    let told = reader.told();
    assert!(
        matches!(&told[..], [Notice::Rotated { .. }, Notice::Unreadable { file, .. }, Notice::Missed { what }]
            if *file == packed && what.contains("audit-2026-11-20T21-33-02.123.log.gz")),
        "{told:?}"
    );
}

#[test]
fn a_folder_named_like_a_backup_is_told_and_passed_over() {
    let log = Log::with("one\n");
    fs::create_dir(log.backup(1)).unwrap();
    std::os::unix::fs::symlink("nowhere", log.backup(2)).unwrap();
    append(&log.backup(3), "zero\n");
    let mut reader = log.reader(StartAt::OldestBackup);
    assert_eq!(reader.all(), "zero\none\n");
    let gaps = reader.told().into_iter().filter(Notice::is_gap).count();
    assert_eq!(gaps, 2);
}

#[test]
fn every_notice_is_a_sentence_that_names_the_file() {
    let file = std::path::PathBuf::from("/var/log/audit.log");
    for notice in [
        Notice::Missing { file: file.clone() },
        Notice::Gone { file: file.clone() },
        Notice::Appeared { file: file.clone() },
        Notice::CaughtUp { file: file.clone() },
        Notice::Rotated { to: file.clone() },
        Notice::Replaced { file: file.clone() },
        Notice::Shrunk { file: file.clone(), from: 2, to: 1 },
        Notice::LineTooLong { file: file.clone(), offset: 1, bytes: 2 },
        Notice::Unreadable { file, why: "it is locked away".into() },
    ] {
        assert!(notice.to_string().contains("/var/log/audit.log"), "{notice}");
    }
}
