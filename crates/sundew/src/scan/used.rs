//! What was used of what there is, as text for people.

use sundew_posture::{
    report::{Finding, Object, UsageReport},
    usage::Narrowed,
};

use super::said::{Said, more};
use crate::{page::Page, table::count};

/// Of a finding's risks those that the logs never saw used.
pub(super) fn of<'r>(finding: &'r Finding, said: &mut Said<'r>) -> Option<String> {
    let unused: Vec<&str> =
        finding.risks.iter().filter(|risk| risk.used == Some(false)).map(|risk| risk.id.as_str()).collect();
    let known = finding.risks.iter().any(|risk| risk.used.is_some());
    Some(match (known, unused.len()) {
        (false, _) => return None,
        (true, 0) => "used in the logs: all of it".to_owned(),
        (true, n) if n == finding.risks.len() => "used in the logs: none of it".to_owned(),
        (true, _) => {
            let titles: Vec<&str> = unused.into_iter().map(|id| said.title(id)).collect();
            format!("never used in the logs: {}", titles.join(", "))
        }
    })
}

/// Each identity with rules that nothing needed.
pub(super) fn print(page: &mut Page, usage: &UsageReport, rows: usize) {
    let idle = |narrowed: &&Narrowed| narrowed.grants.iter().any(|grant| !grant.used);
    let all: Vec<&Narrowed> = usage.identities.iter().filter(idle).collect();
    page.heading("Rights never used", &format!(" ({}), in logs{}", count(all.len() as u64), span(usage)));
    if all.is_empty() {
        return;
    }
    let shown: Vec<Vec<String>> = all.iter().take(rows).map(|narrowed| row(narrowed)).collect();
    page.columns(&["IDENTITY", "REQUESTS", "RULES USED", "NEVER USED"], &shown);
    more(page, all.len(), rows);
    page.faint(0, "--of sa/NAMESPACE/NAME prints a role with what one of them used, and no more");
}

fn span(usage: &UsageReport) -> String {
    match (usage.from, usage.to) {
        (Some(from), Some(to)) => {
            format!(" from {} to {} UTC", from.strftime("%Y-%m-%d %H:%M"), to.strftime("%Y-%m-%d %H:%M"))
        }
        _ => String::new(),
    }
}

fn row(narrowed: &Narrowed) -> Vec<String> {
    let used = narrowed.grants.iter().filter(|grant| grant.used).count();
    let mut unused: Vec<&str> = narrowed.grants.iter().filter(|g| !g.used).map(|g| g.rule.as_str()).collect();
    unused.dedup();
    let shown = unused.len().min(3);
    let mut text = unused[..shown].join("; ");
    if unused.len() > shown {
        text.push_str(&format!("; and {} more", unused.len() - shown));
    }
    let of = format!("{used} of {}", narrowed.grants.len());
    vec![narrowed.subject.to_string(), count(narrowed.requests), of, text]
}

/// What one identity used, rule by rule, and what would be enough.
pub(super) fn whole(page: &mut Page, usage: &UsageReport, object: &Object) {
    let is_it = |narrowed: &&Narrowed| {
        let subject = &narrowed.subject;
        (&subject.kind, &subject.namespace, &subject.name) == (&object.kind, &object.namespace, &object.name)
    };
    let Some(narrowed) = usage.identities.iter().find(is_it) else { return };
    page.heading("Used", &format!(" in {} requests{}", count(narrowed.requests), span(usage)));
    if narrowed.incomplete {
        page.warning(
            "There was more in the logs than is remembered: what is called unused may have been used",
        );
    }
    let rows: Vec<Vec<String>> = narrowed
        .grants
        .iter()
        .map(|g| {
            vec![
                if g.used { "yes" } else { "never" }.to_owned(),
                g.rule.clone(),
                g.binding.clone(),
                g.role.clone(),
            ]
        })
        .collect();
    page.columns(&["USED", "RULE", "BINDING", "ROLE"], &rows);
    if narrowed.manifest.is_empty() {
        page.line("It used none of its own rights: take the bindings away.");
        return;
    }
    page.heading("What it used, and no more", "");
    for line in narrowed.manifest.lines() {
        page.line(line);
    }
}
