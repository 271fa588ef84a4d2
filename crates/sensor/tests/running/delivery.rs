//! Who is told, when and how often: sinks that fail, hang or refuse, updates, severities.

use std::{sync::atomic::Ordering, time::Duration};

use sundew_detect::{Change, Severity};
use sundew_notify::{Backoff, Message};
use sundew_sensor::Extras;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::common::{
    Answer, FILE_ONLY, FILE_TO_FILE, Probe, Site, assert_no_repeat, extras, keys, secret_read, theft, until,
};

#[tokio::test]
async fn a_sink_that_fails_for_long_is_told_once_it_recovers_and_holds_up_nobody() {
    let site = Site::new();
    let (flaky, tried) = Probe::answering("flaky", |n| if n < 12 { Answer::Retry } else { Answer::Taken });
    let (well, told) = Probe::taking("well");
    let sensor = site.start_with(FILE_ONLY, extras(vec![flaky, well])).await;
    site.append(&theft(1, "10.0.0.1"));
    until("the well one is told", || told.taken().len() == 1).await;
    assert!(tried.taken().is_empty(), "before the flaky one recovered");
    until("attempts are counted in the store", || {
        let due = site.store().due("flaky", jiff::Timestamp::MAX, 1).unwrap();
        due.first().is_some_and(|due| due.attempts >= 3)
    })
    .await;
    until("the flaky one is told", || tried.taken().len() == 1).await;
    assert_eq!(tried.attempts(), 13);
    assert_eq!(keys(&tried.taken()), keys(&told.taken()));
    sensor.stop().await;
    assert_eq!(site.store().outbox_summary().unwrap().iter().map(|s| s.waiting + s.dead).sum::<u64>(), 0);
}

#[tokio::test]
async fn a_receiver_that_answers_500_is_posted_to_until_it_answers_200() {
    let site = Site::new();
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(3)
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let sinks = format!("sinks: [{{type: webhook, name: hook, url: '{}'}}]", server.uri());
    let sensor = site.start_with(&format!("{FILE_ONLY}{sinks}"), extras(vec![])).await;
    site.append(&theft(1, "10.0.0.1"));
    until("it is delivered", || sensor.counters().delivered.load(Ordering::Relaxed) == 1).await;
    sensor.stop().await;
    let posts = server.received_requests().await.unwrap();
    assert_eq!(posts.len(), 4);
    let keys: Vec<String> =
        posts.iter().map(|post| serde_json::from_slice::<Message>(&post.body).unwrap().key()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "the same message each time: {keys:?}");
}

#[tokio::test]
async fn a_sink_waits_at_least_as_long_as_it_was_asked_to() {
    let site = Site::new();
    let pause = Duration::from_millis(300);
    let asked = move |n| if n == 0 { Answer::RetryAfter(pause) } else { Answer::Taken };
    let (slow, told) = Probe::answering("slow", asked);
    let sensor = site.start_with(FILE_ONLY, extras(vec![slow])).await;
    site.append(&theft(1, "10.0.0.1"));
    until("it was tried", || told.attempts() == 1).await;
    let first = std::time::Instant::now();
    // News about the same incident must not make it come sooner.
    site.append(&theft(2, "10.0.0.1"));
    until("it is told", || told.taken().len() == 1).await;
    assert!(first.elapsed() >= pause / 2, "{:?}", first.elapsed());
    assert_eq!(told.attempts(), 2);
    sensor.stop().await;
}

#[tokio::test]
async fn a_sink_that_never_answers_holds_up_no_other() {
    let site = Site::new();
    let (hanging, asked) = Probe::answering("hanging", |_| Answer::Never);
    let (well, told) = Probe::taking("well");
    let sensor = site.start_with(FILE_ONLY, extras(vec![hanging, well])).await;
    for n in 0..20 {
        site.append(&theft(n, &format!("10.0.0.{n}")));
    }
    until("the well one is told of all", || told.taken().len() == 20).await;
    assert_eq!(asked.attempts(), 1, "the other is still with its first message");
    assert_eq!(asked.first().incident.id, told.first().incident.id);
    // Told to stop, the sensor would give it a last chance, which a test has no time for.
    drop(sensor);
}

#[tokio::test]
async fn what_a_sink_refuses_becomes_a_dead_letter() {
    let site = Site::new();
    let (strict, seen) = Probe::answering("strict", |_| Answer::Refused);
    let sensor = site.start_with(FILE_ONLY, extras(vec![strict])).await;
    site.append(&theft(1, "10.0.0.1"));
    until("it was refused", || !site.store().dead_letters(10).unwrap().is_empty()).await;
    sensor.stop().await;
    let letters = site.store().dead_letters(10).unwrap();
    assert_eq!((letters.len(), letters[0].sink.as_str(), letters[0].attempts), (1, "strict", 1));
    assert!(letters[0].error.contains("the test says so"), "{}", letters[0].error);
    assert_eq!(seen.attempts(), 1);
}

#[tokio::test]
async fn what_cannot_be_delivered_in_the_time_given_becomes_a_dead_letter() {
    let site = Site::new();
    let (failing, seen) = Probe::answering("failing", |_| Answer::Retry);
    let config = FILE_ONLY.replace("quiet: 1s", "quiet: 1s, giveUpAfter: 300ms");
    let sensor = site.start_with(&config, extras(vec![failing])).await;
    site.append(&theft(1, "10.0.0.1"));
    until("it is given up", || !site.store().dead_letters(10).unwrap().is_empty()).await;
    assert!(seen.attempts() > 2, "it was tried for that time: {}", seen.attempts());
    sensor.stop().await;
}

#[tokio::test]
async fn a_message_that_grew_too_old_while_the_sensor_was_away_is_tried_for_a_while_all_the_same() {
    let site = Site::new();
    let config = FILE_ONLY.replace("quiet: 1s", "quiet: 1s, giveUpAfter: 200ms");
    let far = Backoff::new(Duration::from_secs(3600), Duration::from_secs(3600));
    let (failing, seen) = Probe::answering("probe", |_| Answer::RetryAfter(Duration::from_secs(3600)));
    let extras_far = Extras { backoff: Some(far), ..extras(vec![failing]) };
    let sensor = site.start_with(&config, extras_far).await;
    site.append(&theft(1, "10.0.0.1"));
    until("it failed once", || {
        seen.attempts() == 1 && site.store().due("probe", jiff::Timestamp::MAX, 1).unwrap()[0].attempts == 1
    })
    .await;
    sensor.stop().await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    let (flaky, told) = Probe::answering("probe", |n| if n == 0 { Answer::Retry } else { Answer::Taken });
    let sensor = site.start_with(&config, extras(vec![flaky])).await;
    until("it is told at last", || told.taken().len() == 1).await;
    sensor.stop().await;
    assert_eq!(site.store().dead_letters(10).unwrap(), []);
}

#[tokio::test]
async fn a_growing_incident_is_told_once_and_then_no_more_often_than_the_quiet_time() {
    let site = Site::new();
    let (sink, told) = Probe::taking("probe");
    let sensor = site.start_with(FILE_ONLY, extras(vec![sink])).await;
    let started = std::time::Instant::now();
    site.append(&theft(0, "10.0.0.1"));
    until("it is told", || told.taken().len() == 1).await;
    for n in 1..40 {
        site.append(&theft(n, "10.0.0.1"));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until("all is found", || site.findings() == (40, 1)).await;
    until("an update is told", || told.taken().len() == 2).await;
    let periods = started.elapsed().as_secs() as usize;
    let messages = told.taken();
    assert!(messages.len() <= 1 + periods.max(1), "{} messages in {periods} s", messages.len());
    assert_eq!(messages[0].change, Change::Opened);
    assert_eq!(messages[1].change, Change::Updated);
    assert_eq!(messages[1].incident.findings, 40, "the update has all that came meanwhile");
    assert_eq!(messages[0].incident.id, messages[1].incident.id);
    assert!(messages[0].incident.revision < messages[1].incident.revision);
    sensor.stop().await;
    assert_no_repeat(&told.taken());
}

#[tokio::test]
async fn a_sink_is_told_of_nothing_below_its_severity_and_hears_first_of_what_became_worse() {
    let site = Site::new();
    let (strict, worst) = Probe::taking("strict");
    let (all, everything) = Probe::taking("all");
    let mut given = extras(vec![all]);
    given.sinks.push((strict, Severity::Critical));
    let sensor = site.start_with(FILE_ONLY, given).await;
    // The same actor and peer: high first, then critical.
    let read = secret_read(1, "10.0.0.1").replace("backup-sa-reader", "backup-sa-x");
    site.append(&read);
    until("the one that wants all is told", || everything.taken().len() == 1).await;
    assert_eq!(everything.first().incident.severity, Severity::High);
    assert_eq!(worst.attempts(), 0);
    let impersonation = read.replace(
        "\"userAgent\"",
        "\"impersonatedUser\":{\"username\":\"system:serviceaccount:kube-system:tiller\"},\"userAgent\"",
    );
    site.append(&impersonation.replace("-9000-", "-9001-"));
    until("the strict one is told", || worst.taken().len() == 1).await;
    let message = worst.first();
    assert_eq!((message.incident.severity, message.change), (Severity::Critical, Change::Opened));
    until("so is the other", || everything.taken().len() == 2).await;
    assert_eq!(everything.taken()[1].change, Change::Updated);
    assert_eq!(everything.taken()[1].incident.id, message.incident.id);
    sensor.stop().await;
}

#[tokio::test]
async fn the_least_severity_of_a_configured_sink_is_kept() {
    let site = Site::new();
    let config = FILE_TO_FILE.replace("path: alerts.json", "path: alerts.json, minSeverity: critical");
    let sensor = site.start(&config).await;
    site.append(&secret_read(1, "10.0.0.1"));
    site.append(&theft(2, "10.0.0.2"));
    until("the critical one is told", || !site.alerts().is_empty()).await;
    sensor.stop().await;
    let peers: Vec<_> = site.alerts().into_iter().filter_map(|m| m.incident.actor.ip).collect();
    assert_eq!(peers, ["10.0.0.2"]);
    assert_eq!(site.findings(), (2, 2));
}
