//! Addresses over time, with a clock of the test's own.

use super::*;

/// Minutes after the begin of the test's time.
fn minute(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// A pod that has had these addresses since a minute.
fn pod(number: u128, since: i64, addresses: &[&str]) -> Read<'static> {
    Read {
        namespace: "shop".into(),
        name: format!("pod-{number}").into(),
        uid: number,
        version: None,
        node: "node".into(),
        account: "web".into(),
        owner: "Deployment/web".into(),
        host_network: false,
        since: Some(minute(since)),
        addresses: addresses.iter().map(|address| mapped(ip(address))).collect(),
        ended: false,
    }
}

fn names(pods: &Pods, address: &str, at: i64) -> Vec<String> {
    pods.at(ip(address), minute(at)).into_iter().map(|pod| pod.name).collect()
}

#[test]
fn an_address_that_is_used_again_is_told_by_the_time() {
    let mut pods = Pods::default();
    pods.take(&pod(1, 0, &["10.0.0.1"]), true, minute(0));
    pods.take(&pod(1, 0, &["10.0.0.1"]), false, minute(20));
    pods.take(&pod(2, 21, &["10.0.0.1"]), true, minute(21));
    assert_eq!(names(&pods, "10.0.0.1", 10), ["pod-1"]);
    assert_eq!(names(&pods, "10.0.0.1", 20), ["pod-1"]);
    assert_eq!(names(&pods, "10.0.0.1", 21), ["pod-2"]);
    assert_eq!(names(&pods, "10.0.0.1", 500), ["pod-2"]);
    assert_eq!(pods.at(ip("10.0.0.1"), minute(10))[0].gone, Some(minute(20)));
    assert_eq!(names(&pods, "10.0.0.2", 10), [""; 0]);
}

#[test]
fn both_are_named_where_their_times_overlap_the_later_first() {
    let mut pods = Pods::default();
    pods.take(&pod(1, 0, &["10.0.0.1"]), true, minute(0));
    pods.take(&pod(2, 9, &["10.0.0.1"]), true, minute(9));
    pods.take(&pod(1, 0, &["10.0.0.1"]), false, minute(11));
    assert_eq!(names(&pods, "10.0.0.1", 10), ["pod-2", "pod-1"]);
    assert_eq!(names(&pods, "10.0.0.1", 12), ["pod-2"]);
}

#[test]
fn where_nobody_had_it_then_those_are_named_that_had_it_a_few_minutes_before_or_after() {
    let mut pods = Pods::default();
    pods.take(&pod(1, 10, &["10.0.0.1"]), true, minute(10));
    pods.take(&pod(1, 10, &["10.0.0.1"]), false, minute(20));
    pods.take(&pod(2, 27, &["10.0.0.1"]), true, minute(27));
    assert_eq!(names(&pods, "10.0.0.1", 22), ["pod-1", "pod-2"]);
    assert_eq!(names(&pods, "10.0.0.1", 26), ["pod-2"]);
    assert_eq!(names(&pods, "10.0.0.1", 7), ["pod-1"]);
    assert_eq!(names(&pods, "10.0.0.1", 4), [""; 0]);
}

#[test]
fn pods_that_share_their_node_s_address_come_last() {
    let mut pods = Pods::default();
    for number in 1..=3 {
        let shares = Read { host_network: number != 2, ..pod(number, number as i64, &["10.9.9.9"]) };
        pods.take(&shares, true, minute(5));
    }
    assert_eq!(names(&pods, "10.9.9.9", 6), ["pod-2", "pod-3", "pod-1"]);
}

#[test]
fn a_pod_is_found_by_each_of_its_addresses_and_by_the_mapped_form() {
    let mut pods = Pods::default();
    pods.take(&pod(1, 0, &["10.0.0.1", "fd00::1"]), true, minute(0));
    for address in ["10.0.0.1", "fd00::1", "::ffff:10.0.0.1"] {
        assert_eq!(names(&pods, address, 1), ["pod-1"], "{address}");
    }
}

#[test]
fn a_pod_that_ran_to_its_end_gives_its_address_back() {
    let mut pods = Pods::default();
    pods.take(&pod(1, 0, &["10.0.0.1"]), true, minute(0));
    let ended = || Read { ended: true, ..pod(1, 0, &["10.0.0.1"]) };
    pods.take(&ended(), true, minute(8));
    assert_eq!((pods.len(), pods.past()), (0, 1));
    assert_eq!(pods.at(ip("10.0.0.1"), minute(7))[0].gone, Some(minute(8)));
    // Later news of it is no news.
    pods.take(&ended(), true, minute(9));
    pods.take(&ended(), false, minute(10));
    assert_eq!(pods.at(ip("10.0.0.1"), minute(7))[0].gone, Some(minute(8)));
    assert_eq!(pods.past(), 1);
}

#[test]
fn a_pod_that_gets_its_node_and_address_later_is_one_pod() {
    let mut pods = Pods::default();
    let pending = Read { node: "".into(), since: None, ..pod(1, 0, &[]) };
    pods.take(&pending, true, minute(0));
    assert_eq!(pods.len(), 1);
    pods.take(&pod(1, 2, &["10.0.0.1"]), true, minute(3));
    pods.take(&Read { account: "other".into(), ..pod(1, 2, &["10.0.0.1"]) }, true, minute(4));
    let at = pods.at(ip("10.0.0.1"), minute(2));
    assert_eq!((at.len(), at[0].account.as_str(), at[0].node.as_str()), (1, "other", "node"));
}

#[test]
fn a_pod_that_moves_to_another_address_had_each_at_its_time() {
    let mut pods = Pods::default();
    pods.take(&pod(1, 0, &["10.0.0.1"]), true, minute(0));
    pods.take(&pod(1, 0, &["10.0.0.2"]), true, minute(30));
    assert_eq!(names(&pods, "10.0.0.1", 29), ["pod-1"]);
    assert_eq!(names(&pods, "10.0.0.1", 36), [""; 0]);
    assert_eq!(names(&pods, "10.0.0.2", 20), [""; 0]);
    assert_eq!(names(&pods, "10.0.0.2", 30), ["pod-1"]);
    // It comes back to the first, and what is forgotten of its first time is not its second.
    pods.take(&pod(1, 0, &["10.0.0.1"]), true, minute(40));
    pods.take(&pod(9, 0, &[]), false, minute(30 + 61));
    assert_eq!(names(&pods, "10.0.0.1", 10), [""; 0]);
    assert_eq!(names(&pods, "10.0.0.1", 90), ["pod-1"]);
}

#[test]
fn the_past_is_an_hour_long() {
    let mut pods = Pods::default();
    for number in [1, 2] {
        let address = format!("10.0.0.{number}");
        pods.take(&pod(number, 0, &[&address]), true, minute(0));
        pods.take(&pod(number, 0, &[&address]), false, minute(30 * number as i64));
    }
    pods.take(&pod(3, 0, &[]), false, minute(91));
    assert_eq!(pods.past(), 1);
    assert_eq!(names(&pods, "10.0.0.1", 10), [""; 0]);
    assert_eq!(names(&pods, "10.0.0.2", 10), ["pod-2"]);
    assert_eq!(pods.stays.len(), 1, "nothing is left of what is forgotten");
}

#[test]
fn the_past_is_bounded_however_many_go_at_once() {
    let mut pods = Pods::default();
    let count = PAST_PODS as u32 + 1000;
    let round = pods.begin();
    for number in 0..count {
        let address = mapped(IpAddr::V4((0x0a00_0000 + number).into()));
        let read = Read { addresses: [address].into_iter().collect(), ..pod(number.into(), 0, &[]) };
        pods.take(&read, true, minute(0));
    }
    pods.end(round, minute(0));
    assert_eq!((pods.len(), pods.past()), (count as usize, 0));
    let round = pods.begin();
    pods.end(round, minute(1));
    assert_eq!((pods.len(), pods.past(), pods.stays.len()), (0, PAST_PODS, PAST_PODS));
    let used: usize = pods.stays.values().map(SmallVec::len).sum();
    assert_eq!(used, PAST_PODS);
}

#[test]
fn words_that_nobody_uses_any_more_are_forgotten() {
    let mut pods = Pods::default();
    for number in 0..20_000 {
        let job = Read { owner: format!("Job/run-{number}"), ..pod(number, 0, &["10.0.0.1"]) };
        pods.take(&job, true, minute(number as i64));
        pods.take(&job, false, minute(number as i64));
    }
    assert!(pods.workloads.kept.len() < 3000, "{}", pods.workloads.kept.len());
}
