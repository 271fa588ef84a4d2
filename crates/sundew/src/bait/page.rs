//! A plan on a page: what would be made, what was checked, and what came out.

use serde_json::{Value, json};
use sundew_bait::gate::Rights;
use sundew_decoy::{
    Decoy, Object, Part,
    plan::Plan,
    stealth::{Check, Verdict},
};
use sundew_posture::questions::Grant;

use super::probe::Logged;
use crate::page::Page;

/// A plan, and everything that was asked about it before anything is made.
pub(super) struct Judged {
    pub(super) plan: Plan,
    pub(super) rights: Rights,
    pub(super) checks: Vec<Check>,
    pub(super) logged: Logged,
    /// Whether rights that other accounts have too, through a group, are taken as harmless.
    pub(super) despite_shared: bool,
}

impl Judged {
    /// Why it must not be made, in a sentence.
    pub(super) fn refusal(&self) -> Option<String> {
        let objection = self.rights.objection();
        let harmless = self.despite_shared && objection.is_none();
        if let ([first, others @ ..], false) = (self.rights.undeclared.as_slice(), harmless) {
            let more = match others.len() {
                0 => String::new(),
                n => format!(", and {n} more rules that are listed"),
            };
            let way = match objection {
                None => "; every account has that, through a group: take it away from the group, or take it as harmless with \
                         --despite-shared-rights"
                    .to_owned(),
                Some(why) if self.despite_shared => {
                    format!("; --despite-shared-rights does not cover that ({why}): take it away first, or choose another namespace")
                }
                Some(_) => "; take that away first, or choose another namespace".to_owned(),
            };
            return Some(format!(
                "refused, and nothing was made: {} could do more than its persona declares: {}{more}{way}",
                self.plan.decoy.name(),
                grant(first)
            ));
        }
        let refused = self.checks.iter().filter(|check| check.verdict == Verdict::Refused);
        let refused: Vec<String> = refused.map(|check| format!("{}: {}", check.point, check.found)).collect();
        (!refused.is_empty()).then(|| {
            format!("refused, and nothing was made: this gives the bait away: {}", refused.join("; "))
        })
    }

    pub(super) fn as_json(&self, cluster: &str) -> Value {
        let manifests: Vec<&Value> = self.plan.objects.iter().map(|planned| &planned.manifest).collect();
        json!({
            "cluster": cluster,
            "persona": self.plan.persona,
            "fieldManager": self.plan.field_manager,
            "decoy": self.plan.decoy,
            "objects": manifests,
            "rights": {
                "declared": self.rights.declared,
                "undeclared": self.rights.undeclared,
                "unread": self.rights.unread,
            },
            "stealth": self.checks,
            "audit": self.logged.as_json(),
            "refused": self.refusal(),
        })
    }

    pub(super) fn show(&self, page: &mut Page, place: &str) {
        let plan = &self.plan;
        page.heading("Decoy ", &format!("{}, persona {}, in {place}", plan.decoy.name(), plan.persona));
        page.heading("What is made", &format!(", in this order, by field manager {}", plan.field_manager));
        for (number, planned) in plan.objects.iter().enumerate() {
            let filled = if planned.tokens.is_empty() {
                String::new()
            } else {
                format!(", with the token of {}", planned.tokens.join(", "))
            };
            page.entry(2, &format!("{:>2}.", number + 1), 3, &format!("{}{filled}", object(&planned.object)));
        }
        placements(page, &plan.decoy);
        self.show_rights(page);
        page.heading("What could give it away", "");
        for check in &self.checks {
            page.entry(2, verdict(check.verdict), 8, &format!("{}: {}", check.point, check.found));
        }
        page.heading("Would the audit log show its use", "");
        page.indented(2, &self.logged.said());
    }

    fn show_rights(&self, page: &mut Page) {
        page.heading("What the account could do", ", through every group it belongs to");
        let Rights { declared, undeclared, unread } = &self.rights;
        if declared.is_empty() && undeclared.is_empty() {
            page.indented(2, "nothing but discovery and questions about itself");
        }
        declared.iter().for_each(|right| page.entry(2, "declared", 12, &grant(right)));
        undeclared.iter().for_each(|right| page.entry(2, "NOT DECLARED", 12, &grant(right)));
        unread.iter().for_each(|what| page.entry(2, "not read", 12, what));
    }
}

/// Where the copies will lie.
pub(super) fn placements(page: &mut Page, decoy: &Decoy) {
    page.heading("Placements", "");
    for placement in &decoy.placements {
        let secret = placement.secret.as_ref().map(|secret| format!("Secret {secret}"));
        page.indented(2, &format!("{}: {}", placement.label(), secret.unwrap_or_default()));
        if let Some(location) = &placement.location {
            page.faint(4, location);
        }
    }
}

/// An object in a few words.
pub(super) fn object(object: &Object) -> String {
    let at = object.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {at}{}", object.kind, object.name)
}

/// What an object is for.
pub(super) fn part(part: Part) -> &'static str {
    match part {
        Part::Account => "the account",
        Part::Token => "a token",
        Part::Placement => "a placement",
        Part::Rights => "rights",
    }
}

fn grant(grant: &Grant) -> String {
    let through = if grant.through.is_empty() { String::new() } else { format!(", as {}", grant.through) };
    let by = if grant.binding.is_empty() {
        grant.role.clone()
    } else {
        format!("{} → {}", grant.binding, grant.role)
    };
    let scope = if grant.scope.is_empty() { String::new() } else { format!(" ({})", grant.scope) };
    format!("{}{scope} by {by}{through}", grant.rule)
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fine => "fine",
        Verdict::Unknown => "unknown",
        Verdict::Doubtful => "doubtful",
        Verdict::Refused => "REFUSED",
    }
}
