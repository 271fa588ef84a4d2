//! How long rules take for an event: 50 and 1,000 of them on everything that the `quiet` recording has.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::{fmt::Write as _, hint::black_box, io::Read};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sundew_audit::{Event, parse};
use sundew_sigma::{RuleSet, Source};

/// Selections as rules of every kind have them; `N` is another number in each rule.
const SELECTIONS: [&str; 20] = [
    "{verb: create, objectRef.resource: pods, objectRef.subresource: [exec, attach]}",
    "{verb: [get, list, watch], objectRef.resource: secrets, objectRef.namespace: team-N}",
    "{verb: [create, update, patch], sundew.pod.containers.securityContext.privileged: true}",
    "{verb: [create, update, patch], sundew.pod.volumes.hostPath.path|startswith: [/etc, /var, /root/N]}",
    "{responseStatus.code: [401, 403], sundew.actor.kind: workload, user.username|endswith: ':runner-N'}",
    "{sundew.actor.kind: anonymous, sundew.allowed: true, sundew.path|startswith: /api/N}",
    "{verb: create, objectRef.resource: serviceaccounts, objectRef.subresource: token, objectRef.name: admin-N}",
    "{objectRef.resource: [clusterrolebindings, rolebindings], verb: [create, update], requestObject.roleRef.name: admin-N}",
    "{requestURI|contains: ['/bin/sh', '%2Fbin%2Fsh', '/bin/bash', '/opt/tool-N']}",
    "{userAgent|contains: [kube-hunter, peirates, kdigger, cdk-N]}",
    "{userAgent|startswith: 'python-requests/N'}",
    "{objectRef.resource: configmaps, objectRef.namespace: kube-system, objectRef.name: coredns-N, verb: [update, patch]}",
    "{verb: delete, objectRef.resource: events, objectRef.namespace: 'team-N'}",
    "{sundew.exec.command|contains: [nsenter, /var/run/secrets, wget, 'curl N']}",
    "{impersonatedUser.groups: system:masters, user.username: 'dev-N'}",
    "{objectRef.resource: nodes, objectRef.subresource: proxy, sundew.peer.private: false, objectRef.name: node-N}",
    "{annotations.authorization.k8s.io/reason|contains: 'cluster-admin-N', sundew.actor.kind: human}",
    "{sourceIPs|cidr: ['203.0.113.0/24', '198.51.100.N/32'], verb: list}",
    "{user.groups: 'team-N', verb: deletecollection}",
    "{objectRef.apiGroup: admissionregistration.k8s.io, objectRef.name|re: '^hook-N-[a-z]+$'}",
];

fn rules(count: usize) -> RuleSet {
    let mut text = String::new();
    for at in 0..count {
        let selection =
            SELECTIONS[at % SELECTIONS.len()].replace('N', &(at / SELECTIONS.len() % 200).to_string());
        write!(
            text,
            "---\ntitle: rule {at}\nlogsource: {{product: kubernetes, service: audit}}\ndetection:\n  \
             selection: {selection}\n  own: {{user.username: ['system:apiserver', 'operator-{at}']}}\n  \
             condition: selection and not own\n"
        )
        .expect("a String takes everything");
    }
    let loaded = RuleSet::load(&[Source { name: "rules.yml".into(), text }]);
    assert_eq!(loaded.errors, []);
    loaded.set
}

fn recording() -> String {
    let path = format!("{}/../../recordings/quiet/audit.log.gz", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(path).expect("the recordings stand in the repository");
    let mut log = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut log).expect("the recordings are sound");
    log
}

fn judge(c: &mut Criterion) {
    let log = recording();
    let all: Vec<Event<'_>> =
        log.lines().map(|line| parse::event(line).expect("the recordings are sound")).collect();
    let metadata: Vec<Event<'_>> = all.iter().filter(|event| event.level == "Metadata").cloned().collect();
    let mut group = c.benchmark_group("judge");
    for count in [50, 100, 1_000] {
        let set = rules(count);
        for (name, events) in [("metadata", &metadata), ("all levels", &all)] {
            group.throughput(Throughput::Elements(events.len() as u64));
            group.bench_function(format!("{count} rules/{name}"), |b| {
                let mut hits = Vec::new();
                b.iter(|| {
                    hits.clear();
                    black_box(events).iter().for_each(|event| set.judge(event, &mut hits));
                    hits.len()
                });
            });
        }
    }
    group.finish();
    c.bench_function("load 1,000 rules", |b| b.iter(|| rules(black_box(1_000))));
}

criterion_group!(benches, judge);
criterion_main!(benches);
