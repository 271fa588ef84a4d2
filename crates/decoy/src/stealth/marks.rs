//! What is written in the objects themselves: words, marks of this tool, names in roles, dates of use.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Check, Verdict, point};
use crate::{
    kinds,
    plan::{Plan, Planned, each_text},
    surroundings::Surroundings,
};

/// Words that no administrator writes: they tell wherever they stand, within another word too.
const ANYWHERE: &[&str] = &["honeypot", "honeytoken", "canary", "decoy", "sundew"];
/// Words that tell where they stand alone, as in `fake-admin`; in `bootstrap` and `latest` they do not.
const ALONE: &[&str] = &["bait", "fake", "honey", "test", "tests", "testing", "trap"];
/// This tool, as it would leave a mark.
const TOOL: &str = "sundew";
const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";

pub(super) fn words(plan: &Plan) -> Check {
    let mut found = BTreeSet::new();
    for planned in &plan.objects {
        each_text(&planned.manifest, &mut |text| {
            // The namespace was there before, and is a point of its own.
            if text != plan.decoy.namespace {
                found.extend(telling(text).map(|word| format!("`{word}` in {}", named(planned))));
            }
        });
    }
    if found.is_empty() {
        return point("telling words", Verdict::Fine, "no name, label, annotation or text holds one");
    }
    let found: Vec<String> = found.into_iter().collect();
    point("telling words", Verdict::Refused, format!("there is {}", found.join(", ")))
}

fn telling(text: &str) -> impl Iterator<Item = &'static str> {
    let text = text.to_lowercase();
    let alone: BTreeSet<String> =
        text.split(|c: char| !c.is_ascii_alphabetic()).map(ToOwned::to_owned).collect();
    let anywhere = ANYWHERE.iter().filter(move |word| text.contains(**word));
    anywhere.chain(ALONE.iter().filter(move |word| alone.contains(**word))).copied()
}

fn named(planned: &Planned) -> String {
    format!("{} {}", planned.object.kind, planned.object.name)
}

pub(super) fn namespace(plan: &Plan) -> Check {
    const POINT: &str = "name of the namespace";
    let namespace = &plan.decoy.namespace;
    let Some(word) = telling(namespace).next() else {
        return point(POINT, Verdict::Fine, format!("`{namespace}` says nothing"));
    };
    if ANYWHERE.contains(&word) && word != "canary" || matches!(word, "bait" | "honey" | "trap") {
        return point(
            POINT,
            Verdict::Refused,
            format!("`{namespace}` says `{word}`; choose another namespace"),
        );
    }
    let found = format!("`{namespace}` says `{word}`: nothing in there is taken for important");
    point(POINT, Verdict::Doubtful, found)
}

pub(super) fn tool(plan: &Plan) -> Check {
    const POINT: &str = "marks of this tool";
    let mut marks = Vec::new();
    if plan.field_manager.to_lowercase().contains(TOOL) {
        marks.push(format!("field manager `{}`", plan.field_manager));
    }
    for planned in &plan.objects {
        let kind = kinds::of(&planned.object.kind);
        if kind.is_none_or(|kind| kind.api_version != planned.object.api_version) {
            let object = &planned.object;
            marks.push(format!("a kind of its own, {}/{}", object.api_version, object.kind));
        }
        let metadata = &planned.manifest["metadata"];
        for key in ["finalizers", "ownerReferences", "managedFields"] {
            if !metadata[key].is_null() {
                marks.push(format!("{key} of {}", named(planned)));
            }
        }
        for key in ["labels", "annotations"] {
            let mut telling = false;
            each_text(&metadata[key], &mut |text| telling |= text.to_lowercase().contains(TOOL));
            if telling {
                marks.push(format!("{key} of {}", named(planned)));
            }
        }
    }
    if marks.is_empty() {
        let found = format!(
            "labels, annotations, owners and finalizers hold none; field manager is `{}`",
            plan.field_manager
        );
        return point(POINT, Verdict::Fine, found);
    }
    point(POINT, Verdict::Refused, format!("there is {}", marks.join(", ")))
}

pub(super) fn named_in_roles(plan: &Plan) -> Check {
    const POINT: &str = "names listed in roles";
    let names: BTreeSet<&str> = plan.objects.iter().map(|planned| planned.object.name.as_str()).collect();
    let mut found = Vec::new();
    for planned in plan.objects.iter().filter(|planned| planned.object.kind.ends_with("Role")) {
        let rules = planned.manifest["rules"].as_array().into_iter().flatten();
        let listed = rules.flat_map(|rule| rule["resourceNames"].as_array().into_iter().flatten());
        let own = listed.filter_map(Value::as_str).filter(|name| names.contains(name));
        found.extend(own.map(|name| format!("{} lists `{name}`", named(planned))));
    }
    if found.is_empty() {
        return point(POINT, Verdict::Fine, "no role of the plan lists what belongs to the decoy");
    }
    point(POINT, Verdict::Refused, found.join(", "))
}

pub(super) fn last_used(plan: &Plan, around: &Surroundings) -> Check {
    const POINT: &str = "last use of the token";
    let today = around.now.to_string();
    let today = today.split('T').next().unwrap_or_default();
    let dates = plan.objects.iter().filter_map(|planned| {
        let date = planned.manifest["metadata"]["labels"][LAST_USED].as_str()?;
        Some((named(planned), date))
    });
    let dates: Vec<(String, &str)> = dates.collect();
    // Dates of this form are in the order of their letters.
    if let Some((object, date)) = dates.iter().find(|(_, date)| *date > today) {
        return point(POINT, Verdict::Refused, format!("{object} says {date}, which has not come yet"));
    }
    match dates.first() {
        Some((object, date)) => point(POINT, Verdict::Fine, format!("{object} says {date}")),
        None => point(
            POINT,
            Verdict::Fine,
            "the Secrets say none, as those of a token that lies idle; the first drill leaves a date",
        ),
    }
}

pub(super) fn audit_policy(plan: &Plan) -> Check {
    let found = format!(
        "cannot be seen from here; no rule of it may name {} or a Secret of it, since whoever reads the policy reads that",
        plan.decoy.name()
    );
    point("names in the audit policy", Verdict::Unknown, found)
}

#[cfg(test)]
mod tests {
    use super::telling;

    #[test]
    fn telling_words_are_found_in_names_and_not_in_other_words() {
        for (text, word) in [
            ("my-Honeypot2", "honeypot"),
            ("canarytoken", "canary"),
            ("fake-token", "fake"),
            ("x_test_y", "test"),
            ("TEST", "test"),
            ("sundew.io/part", "sundew"),
        ] {
            assert_eq!(telling(text).collect::<Vec<_>>(), [word], "{text}");
        }
        for text in ["bootstrap", "latest", "attestation", "trapezoid", "contest", "", "-"] {
            assert_eq!(telling(text).count(), 0, "{text}");
        }
    }
}
