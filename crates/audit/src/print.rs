//! What is alike in two requests that differ only in their ids and times, as one number.
//!
//! Most of a cluster's requests are asked again and again: renewed leases, lists on a timer, probes. A detector that
//! has understood one of them need not read the next. So a line is cut where such requests differ (audit id, the two
//! times, resource versions and timeouts), what was cut out is checked to be no more than that, and the rest is hashed.
//! Two lines with the same print are byte for byte the same otherwise: one that was read as sound stands for all.
//!
//! Only events of level Metadata have a print, in the shape that the API server writes. The hash has 128 bits under keys
//! that are drawn for each process, so that nobody can make a line that passes for another.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::quality::RandomState;
use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::Offset,
};
use memchr::memmem::{Finder, FinderRev};
use smallvec::SmallVec;

/// What every line begins with that has a print.
const HEAD: &[u8] = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":""#;
const RECEIVED: &[u8] = br#","requestReceivedTimestamp":""#;
const STAGE_TIME: &[u8] = br#"","stageTimestamp":""#;
/// A resource version in an object reference, or in a query.
const VERSION: &[u8] = b"resourceVersion";
const TIMEOUT: &[u8] = b"timeoutSeconds=";
/// How many resource versions are passed over: a query's and an object's, and one to spare.
const MOST_VERSIONS: usize = 3;
/// Longer lines are rare and not worth the search.
const MAX_LINE: usize = 16 << 10;
/// The longest audit id that is passed over (the API server takes 64 characters from a client).
const MAX_ID: usize = 64;

/// What is alike in requests that differ only in ids and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Print(pub u128);

/// A line with a print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printed<'l> {
    /// Its print.
    pub print: Print,
    /// When its request was received.
    pub received: Timestamp,
    /// Its audit id.
    pub audit_id: &'l str,
}

/// Takes prints. Those of two of these have nothing to do with each other.
#[derive(Debug)]
pub struct Printer {
    keys: [RandomState; 2],
    received: FinderRev<'static>,
    version: Finder<'static>,
    timeout: Finder<'static>,
    scratch: Vec<u8>,
}

impl Default for Printer {
    fn default() -> Self {
        Self {
            keys: Default::default(),
            received: FinderRev::new(RECEIVED),
            version: Finder::new(VERSION),
            timeout: Finder::new(TIMEOUT),
            scratch: Vec::with_capacity(4096),
        }
    }
}

impl Printer {
    /// The print of a line; none where it has no print.
    pub fn take<'l>(&mut self, line: &'l [u8]) -> Option<Printed<'l>> {
        let rest = line.strip_prefix(HEAD).filter(|_| line.len() <= MAX_LINE)?;
        let id = rest.iter().take(MAX_ID + 1).position(|b| *b == b'"')?;
        if !rest[..id].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
            return None;
        }
        let audit_id = std::str::from_utf8(&rest[..id]).ok()?;
        let rest = &rest[id..];
        let (front, behind) = rest.split_at(self.received.rfind(rest)?);
        let (received, behind) = time(&behind[RECEIVED.len()..])?;
        let (_, tail) = time(behind.strip_prefix(STAGE_TIME)?)?;
        self.scratch.clear();
        let cuts = self.front(front);
        let length = self.scratch.len();
        self.scratch.extend_from_slice(tail);
        // Which bytes are of which part, and where something was cut, is a part of the print.
        for at in cuts.into_iter().chain([length]) {
            self.scratch.extend_from_slice(&(at as u32).to_le_bytes());
        }
        let half = |key: &RandomState| u128::from(key.hash_one(Bytes(&self.scratch)));
        let print = Print(half(&self.keys[0]) << 64 | half(&self.keys[1]));
        Some(Printed { print, received, audit_id })
    }

    /// Copies what stands before the times, without the digits of resource versions and timeouts. Gives the places in
    /// the copy where digits are missing.
    fn front(&mut self, front: &[u8]) -> SmallVec<[usize; 8]> {
        let mut cuts = SmallVec::<[usize; 8]>::new();
        cuts.extend(self.timeout.find(front).map(|at| at + TIMEOUT.len()));
        for at in self.version.find_iter(front).take(MOST_VERSIONS) {
            let at = at + VERSION.len();
            let behind = &front[at..];
            let sign = if behind.starts_with(b"=") { 1 } else { 3 };
            if sign == 1 || behind.starts_with(b"\":\"") {
                cuts.push(at + sign);
            }
        }
        cuts.sort_unstable();
        let mut from = 0;
        cuts.retain(|cut| {
            let digits = front[*cut..].iter().take_while(|b| b.is_ascii_digit()).count();
            self.scratch.extend_from_slice(&front[from..*cut]);
            from = *cut + digits;
            *cut = self.scratch.len();
            digits > 0
        });
        self.scratch.extend_from_slice(&front[from..]);
        cuts
    }
}

/// Bytes that are hashed as they are, without their length.
struct Bytes<'b>(&'b [u8]);

impl Hash for Bytes<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write(self.0);
    }
}

/// A time as the API server writes it (`2026-11-20T22:12:46.116986Z`), and what follows it.
fn time(text: &[u8]) -> Option<(Timestamp, &[u8])> {
    const SHAPE: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
    let (time, rest) = text.split_at_checked(SHAPE.len())?;
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    if !time.iter().zip(SHAPE).all(fits) {
        return None;
    }
    let number =
        |from: usize, to: usize| time[from..to].iter().fold(0_i32, |n, b| n * 10 + i32::from(b - b'0'));
    let [month, day, hour, minute, second] = [5, 8, 11, 14, 17].map(|at| number(at, at + 2) as i8);
    let date = Date::new(number(0, 4) as i16, month, day).ok()?;
    let clock = Time::new(hour, minute, second, number(20, 26) * 1000).ok()?;
    Some((Offset::UTC.to_timestamp(date.to_datetime(clock)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::Printer;

    fn line(id: &str, uri: &str, object: &str, received: &str) -> String {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{id}","stage":"ResponseComplete","requestURI":"{uri}","verb":"get","objectRef":{{{object}}},"requestReceivedTimestamp":"{received}","stageTimestamp":"2026-11-20T22:12:46.117633Z","annotations":{{}}}}"#
        )
    }

    const T: &str = "2026-11-20T22:12:46.116986Z";

    #[test]
    fn what_differs_in_ids_times_and_versions_alone_has_one_print() {
        let mut printer = Printer::default();
        let one =
            line("aa-1", "/api?resourceVersion=17&timeoutSeconds=5&watch=1", r#""resourceVersion":"123""#, T);
        let other = line(
            "bb-2-c",
            "/api?resourceVersion=180&timeoutSeconds=555&watch=1",
            r#""resourceVersion":"9""#,
            "2027-01-02T03:04:05.000006Z",
        );
        let one = printer.take(one.as_bytes()).unwrap();
        let other = printer.take(other.as_bytes()).unwrap();
        assert_eq!(one.print, other.print);
        assert_eq!((one.audit_id, one.received), ("aa-1", T.parse().unwrap()));
        let later = "2027-01-02T03:04:05.000006Z".parse().unwrap();
        assert_eq!((other.audit_id, other.received), ("bb-2-c", later));
    }

    #[test]
    fn any_other_difference_is_another_print() {
        let mut printer = Printer::default();
        let print =
            |printer: &mut Printer, line: String| printer.take(line.as_bytes()).map(|printed| printed.print);
        let base = print(&mut printer, line("a", "/api?resourceVersion=17", "", T));
        for other in [
            line("a", "/api?resourceVersion=", "", T),
            line("a", "/api?resourceVersion=17x", "", T),
            line("a", "/api?resourceVersion=17&resourceVersion=1", "", T),
            line("a", "/apj?resourceVersion=17", "", T),
            line("a", "/api?resourceVersion=17", r#""name":"x""#, T),
            line("a", "/api?17resourceVersion=", "", T),
        ] {
            assert_ne!(print(&mut printer, other.clone()), base, "{other}");
        }
    }

    #[test]
    fn what_could_hide_something_in_a_part_that_is_cut_out_has_no_print() {
        let mut printer = Printer::default();
        for line in [
            line(r#"a\"b"#, "/", "", T),
            line("a b", "/", "", T),
            line(&"a".repeat(65), "/", "", T),
            line("a", "/", "", "2026-11-20T22:12:46Z"),
            line("a", "/", "", "2026-02-30T22:12:46.116986Z"),
            line("a", "/", "", "2026-11-20T24:12:46.116986Z"),
            line("a", "/", "", r#"2026-11-20T22:12:46.116986Z","x":"y"#),
            line("a", "/", "", T).replace("Metadata", "Request"),
            format!(" {}", line("a", "/", "", T)),
        ] {
            assert_eq!(printer.take(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn two_printers_have_nothing_in_common() {
        let line = line("a", "/", "", T);
        let print = || Printer::default().take(line.as_bytes()).unwrap().print;
        assert_ne!(print(), print());
    }
}
