//! What is written for each platform.

use sundew_policy::{
    platform::{Platform, document},
    read,
};

use crate::given::{NEEDS, PLAIN};

fn written(platform: Platform) -> String {
    document(platform, &PLAIN, &NEEDS)
}

#[test]
fn where_a_policy_is_taken_the_text_is_that_policy() {
    let policy = read("generated", &PLAIN.yaml()).unwrap().policy;
    for platform in [Platform::Kubeadm, Platform::K3s, Platform::Rke2] {
        assert!(platform.takes_policy());
        let read = read("written", &written(platform)).unwrap();
        assert_eq!(read.remarks, []);
        let rules = |policy: &sundew_policy::Policy| {
            policy
                .rules
                .iter()
                .map(|rule| sundew_policy::Rule { line: 0, ..rule.clone() })
                .collect::<Vec<_>>()
        };
        assert_eq!(rules(&read.policy), rules(&policy), "{platform:?}");
    }
}

#[test]
fn the_patch_for_talos_holds_the_policy() {
    let text = written(Platform::Talos);
    let (_, patch) = text.split_once("    auditPolicy:\n").unwrap();
    let inside: String =
        patch.lines().map(|line| line.strip_prefix("      ").unwrap_or_default().to_owned() + "\n").collect();
    assert_eq!(inside, PLAIN.yaml());
}

#[test]
fn what_stands_above_the_policy_is_this() {
    let head = |platform| {
        let text = written(platform);
        let (head, _) = text.split_once("\n\n").unwrap();
        format!("{head}\n")
    };
    let all = [Platform::Kubeadm, Platform::K3s, Platform::Rke2, Platform::Talos].map(head);
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn where_no_policy_is_taken_there_are_settings_and_what_stays_blind() {
    let all = [Platform::OpenShift, Platform::Eks, Platform::Gke, Platform::Aks];
    assert!(all.iter().all(|platform| !platform.takes_policy()));
    insta::assert_snapshot!(all.map(written).join("\n---\n\n"));
}
