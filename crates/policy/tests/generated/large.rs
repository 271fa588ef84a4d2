//! Large policies: what is said of them stays short, and it does not take long to say.

use std::fmt::Write as _;

use sundew_policy::blind::blind;

use crate::given::{NEEDS, policy};

#[test]
fn a_rule_for_each_of_hundreds_of_accounts_is_a_remark_each_and_no_more() {
    let mut rules = String::new();
    for at in 0..250 {
        writeln!(
            rules,
            "- {{level: None, users: [\"system:serviceaccount:team-{at}:runner\"], verbs: [get, list, watch], resources: [{{group: \"\", resources: [pods]}}]}}"
        )
        .unwrap();
    }
    rules.push_str("- {level: RequestResponse}\n");
    let remarks = blind(&policy(&rules), &NEEDS);
    assert_eq!(remarks.len(), 250);
    assert!(
        remarks.iter().all(|one| one.code == "blind-to-user" && one.what.len() < 600),
        "{:?}",
        remarks[0]
    );
}
