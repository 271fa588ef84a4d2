//! Lines of one file: complete ones, partial ones, large ones.

use sundew_sensor::source::file::{Notice, StartAt, TailError, TailOptions};

use crate::given::{Log, Reader, append};

fn small(log: &Log, max_bytes: usize, max_line: usize) -> Reader {
    let options = TailOptions { max_bytes, max_line, ..TailOptions::default() };
    Reader::new(log, None, StartAt::Beginning, options)
}

#[test]
fn lines_are_handed_out_as_they_are_appended() {
    let log = Log::with("one\ntwo\n");
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "one\ntwo\n");
    assert_eq!(reader.all(), "");
    log.append("three\n");
    assert_eq!(reader.all(), "three\n");
    assert_eq!(reader.position.unwrap().offset, 14);
}

#[test]
fn the_end_is_told_once() {
    let log = Log::with("one\n");
    let mut reader = log.reader(StartAt::Beginning);
    reader.all();
    log.append("two\n");
    reader.all();
    reader.all();
    assert_eq!(reader.notices, [Notice::CaughtUp { file: log.path.clone() }]);
}

#[test]
fn an_incomplete_line_waits_for_its_newline() {
    let log = Log::with("one\ntw");
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "one\n");
    assert_eq!(reader.position.as_ref().unwrap().offset, 4);
    log.append("o");
    assert_eq!(reader.all(), "");
    log.append("\nthree\nfo");
    assert_eq!(reader.all(), "two\nthree\n");
    assert_eq!(reader.position.unwrap().offset, 14);
}

#[test]
fn a_start_at_the_end_skips_what_is_there_but_no_line_in_the_middle() {
    let log = Log::with("one\ntwo\nthr");
    let mut reader = log.reader(StartAt::End);
    assert_eq!(reader.all(), "");
    assert_eq!(reader.position.as_ref().unwrap().offset, 8, "there is a position to store at once");
    log.append("ee\nfour\n");
    assert_eq!(reader.all(), "three\nfour\n");
}

#[test]
fn a_start_at_the_end_finds_it_behind_a_large_incomplete_line() {
    let log = Log::with(&format!("one\n{}", "x".repeat(700_000)));
    let mut reader = log.reader(StartAt::End);
    assert_eq!(reader.all(), "");
    assert_eq!(reader.position.unwrap().offset, 4);
}

#[test]
fn an_empty_file_is_read_once_something_is_in_it() {
    let log = Log::with("");
    for start in [StartAt::End, StartAt::Beginning, StartAt::OldestBackup] {
        let mut reader = log.reader(start);
        assert_eq!(reader.all(), "");
        let position = reader.position.clone().unwrap();
        assert_eq!((position.offset, position.first_line_hash.as_str()), (0, ""));
    }
    let mut reader = log.reader(StartAt::End);
    reader.all();
    log.append("one\n");
    assert_eq!(reader.all(), "one\n");
    assert_ne!(reader.position.unwrap().first_line_hash, "");
}

#[test]
fn a_read_is_bounded_and_says_that_there_is_more() {
    let line = format!("{}\n", "x".repeat(99));
    let log = Log::with(&line.repeat(20_000));
    let mut reader = small(&log, 300_000, 1 << 20);
    assert_eq!(reader.all(), line.repeat(20_000));
    assert!((200_000..700_000).contains(&reader.largest), "{}", reader.largest);
}

#[test]
fn a_line_larger_than_a_read_is_handed_out_whole() {
    let text = format!("one\n{}\nthree\n", "x".repeat(3_000_000));
    let log = Log::with(&text);
    let mut reader = small(&log, 1000, 16 << 20);
    assert_eq!(reader.all(), text);
    assert_eq!(reader.told(), []);
}

#[test]
fn a_line_of_twenty_megabytes_is_passed_on_in_pieces_and_reading_stays_in_step() {
    let line = "0123456789abcdef".repeat(20 << 16);
    let log = Log::with(&format!("one\n{line}\nthree\n"));
    let mut reader = log.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "one\nthree\n");
    assert!(reader.largest < 1 << 20, "{}", reader.largest);
    let long = &reader.long_lines[0];
    assert_eq!((reader.long_lines.len(), long.bytes, long.offset), (1, 20 << 20, 4));
    assert_eq!(long.head, line.as_bytes()[..64 << 10]);
    assert!(reader.watched == [line.as_bytes()], "the watch saw the whole line");
    assert_eq!(reader.position.as_ref().unwrap().offset, (20 << 20) + 11);
    let (file, offset, bytes) = (log.path.clone(), 4, 20 << 20);
    assert_eq!(reader.told(), [Notice::LineTooLong { file, offset, bytes }]);
}

#[test]
fn a_long_line_may_grow_between_reads_and_counts_as_read_once_it_ends() {
    let log = Log::with("one\n");
    let mut reader = small(&log, 1000, 2000);
    for _ in 0..5 {
        log.append(&"x".repeat(1500));
        reader.all();
    }
    assert_eq!(reader.position.as_ref().unwrap().offset, 4);
    log.append("\ntwo\n");
    assert_eq!(reader.all(), "two\n");
    assert_eq!((reader.long_lines[0].bytes, reader.watched[0].len()), (7500, 7500));
    assert_eq!(reader.position.unwrap().offset, 7509);
}

#[test]
fn lines_that_follow_a_long_one_in_the_same_piece_are_all_handed_out() {
    let log = Log::with(&format!("{}\ntwo\nthree\n", "x".repeat(600_000)));
    let mut reader = small(&log, 1000, 300_000);
    assert_eq!(reader.all(), "two\nthree\n");
    assert_eq!(reader.long_lines.len(), 1);
}

#[test]
fn two_long_lines_in_a_row_are_two() {
    let log = Log::with(&format!("{}\n{}\n", "x".repeat(900_000), "y".repeat(800_000)));
    let mut reader = small(&log, 1000, 300_000);
    assert_eq!(reader.all(), "");
    let lengths: Vec<_> = reader.long_lines.iter().map(|long| long.bytes).collect();
    assert_eq!(lengths, [900_000, 800_000]);
    assert!(reader.watched == [vec![b'x'; 900_000], vec![b'y'; 800_000]]);
}

#[test]
fn bytes_that_are_no_text_come_through() {
    let log = Log::missing();
    std::fs::write(&log.path, b"\xff\xfe\0\n\r\n").unwrap();
    let mut reader = log.reader(StartAt::Beginning);
    let mut buffer = b"left over from before".to_vec();
    reader.tail.read(&mut buffer, &mut |_, _| {});
    assert_eq!(buffer, b"\xff\xfe\0\n\r\n");
}

#[test]
fn a_link_to_the_log_is_followed_and_its_backups_are_found_beside_the_target() {
    let log = Log::with("one\n");
    let elsewhere = Log::missing();
    std::os::unix::fs::symlink(&log.path, &elsewhere.path).unwrap();
    let mut reader = elsewhere.reader(StartAt::Beginning);
    assert_eq!(reader.all(), "one\n");
    log.append("two\n");
    log.rotate(1);
    log.append("three\n");
    log.rotate(2);
    append(&log.path, "four\n");
    assert_eq!(reader.all(), "two\nthree\nfour\n");
    assert!(matches!(reader.told()[..], [Notice::Rotated { .. }]));
}

#[test]
fn a_path_without_a_name_is_refused() {
    let error = sundew_sensor::source::file::FileTail::open("/".into(), None, StartAt::End).err().unwrap();
    assert_eq!(error, TailError::NoName { path: "/".into() });
    assert!(error.to_string().contains("names no file"), "{error}");
}
