//! When people are told of an incident.

use jiff::Timestamp;
use sundew_detect::{
    Grouping, Growth, Incidents,
    incidents::{Open, State},
};

use crate::{
    given::{at, use_of_token},
    incidents::{add, incidents, only, restarted},
};

/// The message about the one incident, from a change at `now`: seconds after the first event when it is due.
fn due(incidents: &mut Incidents, growth: Growth, now: i64) -> i64 {
    let id = only(incidents).id.clone();
    let (incident, due) = incidents.schedule(&id, growth, at(now)).unwrap();
    assert_eq!(&incident, only(incidents));
    seconds(due)
}

fn seconds(time: Timestamp) -> i64 {
    time.duration_since(at(0)).as_secs()
}

fn opened() -> Incidents {
    let mut incidents = incidents();
    add(&mut incidents, &use_of_token("get", "/a"));
    assert_eq!(due(&mut incidents, Growth::Opened, 0), 0, "the first message is due now");
    incidents
}

#[test]
fn updates_wait_and_share_a_slot_and_the_wait_doubles_up_to_the_longest() {
    let mut incidents = opened();
    let mut slots = Vec::new();
    for now in 1..7200 {
        slots.push(due(&mut incidents, Growth::Grew, now));
    }
    slots.dedup();
    assert_eq!(slots, [30, 90, 210, 450, 930, 1830, 2730, 3630, 4530, 5430, 6330, 7230]);
    assert_eq!(only(&incidents).revision, 7200);
}

#[test]
fn an_update_after_a_long_silence_is_due_now_and_never_in_the_past() {
    let mut incidents = opened();
    assert_eq!(due(&mut incidents, Growth::Grew, 500), 500);
    assert_eq!(due(&mut incidents, Growth::Grew, 501), 560, "the wait of a minute counts from there");
    assert_eq!(due(&mut incidents, Growth::Grew, 10_000), 10_000);
}

#[test]
fn what_is_worse_does_not_wait() {
    let mut incidents = opened();
    assert_eq!(due(&mut incidents, Growth::Grew, 1), 30);
    assert_eq!(due(&mut incidents, Growth::Worse, 2), 2);
    assert_eq!(due(&mut incidents, Growth::Worse, 3), 3);
    assert!(due(&mut incidents, Growth::Grew, 4) > 4);
}

#[test]
fn a_restart_keeps_the_slot_and_the_wait() {
    let mut incidents = opened();
    assert_eq!(due(&mut incidents, Growth::Grew, 1), 30);
    let mut incidents = restarted(&incidents);
    assert_eq!(due(&mut incidents, Growth::Grew, 2), 30);
    assert_eq!(due(&mut incidents, Growth::Grew, 31), 90);
    assert_eq!(only(&incidents).revision, 4);
}

#[test]
fn an_incident_whose_state_was_lost_still_waits_between_updates() {
    let before = opened();
    let mut incidents = incidents();
    let incident = only(&before).clone();
    incidents.restore([Open { incident, state: State::default() }]);
    assert_eq!(due(&mut incidents, Growth::Grew, 1), 1);
    let mut slots: Vec<i64> = (2..200).map(|now| due(&mut incidents, Growth::Grew, now)).collect();
    slots.dedup();
    assert_eq!(slots, [31, 91, 211]);
}

#[test]
fn a_clock_that_was_set_back_does_not_silence_an_incident() {
    let mut incidents = opened();
    assert_eq!(due(&mut incidents, Growth::Grew, 1), 30);
    let longest = Grouping::default().longest_quiet.as_secs();
    assert_eq!(due(&mut incidents, Growth::Grew, -100_000), -100_000 + longest);
}

#[test]
fn nothing_is_scheduled_for_an_incident_that_is_closed() {
    let mut incidents = opened();
    let id = only(&incidents).id.clone();
    assert_eq!(incidents.close(at(10_000)).len(), 1);
    assert_eq!(incidents.schedule(&id, Growth::Grew, at(10_000)), None);
}
