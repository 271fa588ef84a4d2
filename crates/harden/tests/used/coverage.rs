//! Logs that are too little to conclude anything from.

use jiff::{Span, ToSpan as _};
use sundew_harden::evidence::{Coverage, Shortage};

use crate::given::{ASK, Ask, bare, each};

fn coverage(log: &str) -> Coverage {
    let mut coverage = Coverage::default();
    each(log, &mut |event| coverage.record(event));
    coverage
}

/// Requests at these times of one day, as `10:00`.
fn at(times: &[&str]) -> Coverage {
    let times: Vec<String> = times.iter().map(|time| format!("2026-02-10T{time}:00Z")).collect();
    let asked: Vec<Ask<'_>> = times.iter().map(|time| Ask { time, ..ASK }).collect();
    coverage(&bare(&asked))
}

fn short(coverage: &Coverage, window: Span) -> String {
    coverage.window(window, 0).unwrap_err().to_string()
}

#[test]
fn logs_that_begin_within_the_window_do_not_cover_it() {
    let coverage = at(&["10:00", "10:40", "11:30"]);
    let window = coverage.window(90.minutes(), 0).unwrap();
    assert_eq!(window.from.to_string(), "2026-02-10T10:00:00Z");
    assert_eq!(window.to.to_string(), "2026-02-10T11:30:00Z");
    insta::assert_snapshot!(short(&coverage, 14.days()), @"the logs go from 2026-02-10 10:00 to 2026-02-10 11:30 UTC and do not cover the window of 14d before their end, so nothing is concluded from them; give --logs older ones too, or a shorter --window");
    assert!(matches!(coverage.window(91.minutes(), 0), Err(Shortage::Late { .. })));
    assert!(matches!(coverage.window(15_000.years(), 0), Err(Shortage::Window(_))));
}

#[test]
fn a_stretch_without_anybody_is_a_missing_file() {
    let coverage = at(&["08:00", "09:00", "10:30", "11:00"]);
    insta::assert_snapshot!(short(&coverage, 3.hours()), @"the logs hold no event of anybody from 2026-02-10 09:00 to 2026-02-10 10:30 UTC, so nothing is concluded from them; give --logs the files of that time too, or a shorter --window");
    assert!(coverage.window(30.minutes(), 0).is_ok(), "it lies before the window");
    assert!(at(&["08:00", "09:00", "10:00"]).window(2.hours(), 0).is_ok(), "an hour of silence is none");
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let window = at(&["11:00", "08:40", "10:00", "08:00", "09:30"]).window(3.hours(), 0).unwrap();
    assert_eq!(window.from.to_string(), "2026-02-10T08:00:00Z");
}

#[test]
fn in_a_long_window_a_hole_is_a_twentieth_of_it() {
    let days = |missing: &[u32]| {
        let times: Vec<String> = (1..=20)
            .filter(|day| !missing.contains(day))
            .flat_map(|day| (0..24).map(move |hour| format!("2026-02-{day:02}T{hour:02}:00:00Z")))
            .collect();
        let asked: Vec<Ask<'_>> = times.iter().map(|time| Ask { time, ..ASK }).collect();
        coverage(&bare(&asked))
    };
    assert!(days(&[]).window(19.days(), 0).is_ok());
    // Almost a day of 19 is just more than a twentieth.
    assert!(matches!(days(&[7]).window(19.days(), 0), Err(Shortage::Hole { .. })));
}

#[test]
fn logs_without_reading_say_nothing_of_what_is_read() {
    let write = |time| Ask { verb: "update", name: "x", time, ..ASK };
    let asked = [write("2026-02-10T10:00:00Z"), write("2026-02-10T10:30:00Z")];
    let person = Ask { user: "ann", time: "2026-02-10T10:10:00Z", ..ASK };
    let only_writes = coverage(&bare(&[asked[0], person, asked[1]]));
    insta::assert_snapshot!(short(&only_writes, 30.minutes()), @"the logs hold no get, list or watch of any account, as those of GKE's admin activity or AKS's kube-audit-admin, so what is read counts as unknown and nothing is concluded from them; turn on logs of data access (GKE) or kube-audit (AKS), or an audit policy that logs reading");
}

#[test]
fn the_logs_of_some_of_the_api_servers_are_not_enough() {
    let lease = |name, time| Ask {
        user: "system:apiserver",
        verb: "update",
        group: "coordination.k8s.io",
        resource: "leases",
        namespace: "kube-system",
        name,
        time,
        ..ASK
    };
    let coverage = coverage(&bare(&[
        lease("apiserver-aaa", "2026-02-10T10:00:00Z"),
        lease("apiserver-bbb", "2026-02-10T10:20:00Z"),
        lease("kube-scheduler", "2026-02-10T10:20:00Z"),
        Ask { time: "2026-02-10T10:30:00Z", ..ASK },
    ]));
    assert!(coverage.window(30.minutes(), 2).is_ok());
    assert!(coverage.window(30.minutes(), 0).is_ok(), "how many there are is not always known");
    let short = coverage.window(30.minutes(), 3).unwrap_err().to_string();
    insta::assert_snapshot!(short, @"the logs are of 2 of the cluster's 3 API servers, so nothing is concluded from them; give --logs those of all of them");
}

#[test]
fn events_without_a_time_and_wild_times_stop_nothing() {
    let nothing = Coverage::default();
    assert_eq!(short(&nothing, 1.hour()), Shortage::Nothing.to_string());
    let wild = at(&["10:00", "10:30"]);
    let times = ["-009999-01-02T01:59:59Z", "9999-12-30T22:00:00Z", "1969-12-31T23:59:59Z", "never"];
    let asked: Vec<Ask<'_>> = times.iter().map(|time| Ask { time, ..ASK }).collect();
    let odd = coverage(&bare(&asked));
    assert!(odd.span().is_some() && wild.span().is_some());
    assert!(matches!(odd.window(1.hour(), 0), Err(Shortage::Hole { .. }) | Ok(_)));
}
