//! A clock that jumps holds up no alert and repeats none.

use std::sync::Arc;

use jiff::SignedDuration;
use sundew_detect::Change;
use sundew_sensor::Extras;

use crate::common::{Answer, FILE_ONLY, JumpingClock, Probe, Site, assert_no_repeat, extras, theft, until};

async fn alerts_come_after_a_jump(by: SignedDuration) {
    let site = Site::new();
    let clock = JumpingClock::default();
    // The first message fails, so that one waits while the clock jumps.
    let (sink, told) = Probe::answering("probe", |n| if n == 0 { Answer::Retry } else { Answer::Taken });
    let given = Extras { clock: Some(Arc::new(clock.clone())), ..extras(vec![sink]) };
    let sensor = site.start_with(FILE_ONLY, given).await;
    site.append(&theft(1, "10.0.0.1"));
    until("it was tried", || told.attempts() >= 1).await;
    clock.jump(by);
    site.append(&theft(2, "10.0.0.2"));
    until("both are told", || {
        told.taken().iter().filter(|message| message.change == Change::Opened).count() == 2
    })
    .await;
    // And what grows after the jump is told as well.
    site.append(&theft(3, "10.0.0.2"));
    until("the update is written", || site.findings().0 == 3).await;
    clock.jump(SignedDuration::from_mins(20));
    site.append(&theft(4, "10.0.0.4"));
    until("three incidents are told", || {
        told.taken().iter().filter(|message| message.change == Change::Opened).count() == 3
    })
    .await;
    until("nothing waits", || site.store().due("probe", jiff::Timestamp::MAX, 9).unwrap().is_empty()).await;
    sensor.stop().await;
    assert_no_repeat(&told.taken());
}

#[tokio::test]
async fn a_clock_that_goes_back_an_hour_holds_up_no_alert() {
    alerts_come_after_a_jump(SignedDuration::from_hours(-1)).await;
}

#[tokio::test]
async fn a_clock_that_goes_forward_a_day_holds_up_no_alert() {
    alerts_come_after_a_jump(SignedDuration::from_hours(24)).await;
}

#[tokio::test]
async fn what_waits_for_an_hour_that_the_clock_went_back_is_told_at_the_next_start() {
    let site = Site::new();
    let clock = JumpingClock::default();
    clock.jump(SignedDuration::from_hours(1));
    let (failing, seen) = Probe::answering("probe", |_| Answer::Retry);
    let given = Extras {
        clock: Some(Arc::new(clock)),
        backoff: Some(sundew_notify::Backoff::default()),
        ..extras(vec![failing])
    };
    let sensor = site.start_with(FILE_ONLY, given).await;
    for n in 0..40 {
        site.append(&theft(n, &format!("10.0.0.{n}")));
    }
    until("all were tried", || seen.attempts() >= 40).await;
    sensor.stop().await;
    let (sink, told) = Probe::taking("probe");
    let sensor = site.start_with(FILE_ONLY, extras(vec![sink])).await;
    until("all are told, not only the first few", || told.taken().len() == 40).await;
    sensor.stop().await;
    assert_no_repeat(&told.taken());
}
