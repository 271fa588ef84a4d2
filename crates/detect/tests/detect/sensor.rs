//! What the sensor says of itself: each thing an alert of its own, with what to look at.

use sundew_detect::{DecoyRef, Growth, sensor};

use crate::{
    given::{CLUSTER, at},
    incidents::{incidents, restarted},
};

#[test]
fn different_sentences_are_different_incidents_and_the_same_one_again_is_the_same() {
    let say =
        |what: &str, second| sensor::finding(CLUSTER, "log", &sensor::rules::BLIND, what, None, at(second));
    let mut incidents = incidents();
    let (first, _) = incidents.add(&say("the file is gone", 0)).unwrap();
    let (second, growth) = incidents.add(&say("the folder is gone", 0)).unwrap();
    assert_ne!(first, second, "in the same moment");
    assert_eq!(growth, Growth::Opened);
    assert_eq!(incidents.add(&say("the file is gone", 60)).unwrap(), (first.clone(), Growth::Grew));
    let mut after = restarted(&incidents);
    assert_eq!(after.add(&say("the file is gone", 61)).unwrap().0, first);
    assert!(after.get(&first).unwrap().incident.is_of_sensor());
}

#[test]
fn each_rule_names_what_to_look_at_next() {
    let decoy = DecoyRef { name: "honeypot/backup-sa".into(), ..DecoyRef::default() };
    for (rule, wanted) in [
        (sensor::rules::SILENT, "--audit-"),
        (sensor::rules::UNLOGGED, "sundew drill honeypot/backup-sa"),
        (sensor::rules::DECOY_GONE, "sundew status --here"),
        (sensor::rules::DRILL_MISSED, "sundew drill honeypot/backup-sa"),
        (sensor::rules::BLIND, "sundew status"),
    ] {
        let mut incidents = incidents();
        let finding = sensor::finding(CLUSTER, "prod", &rule, "something", Some(decoy.clone()), at(0));
        let (id, growth) = incidents.add(&finding).unwrap();
        let (incident, due) = incidents.schedule(&id, growth, at(0)).unwrap();
        assert_eq!(due, at(0));
        assert!(
            incident.next.iter().any(|next| next.run.contains(wanted)),
            "{}: {:?}",
            rule.id,
            incident.next
        );
    }
}
