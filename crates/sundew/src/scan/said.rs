//! What the parts of a scan's text share: words for risks, what to do about those that were shown, and what was left out.

use std::collections::{BTreeMap, HashSet};

use sundew_posture::report::{About, Finding};

use crate::{page::Page, table::count};

/// What is known of risks in words, and whose fix is still to be said.
pub(super) struct Said<'r> {
    risks: &'r BTreeMap<String, About>,
    /// Checks whose findings differ in what to do: it stands with each.
    pub(super) various: HashSet<&'r str>,
    /// Risks and checks that were shown: what they are, and what to do.
    pub(super) fixes: BTreeMap<&'r str, (&'r str, &'r str)>,
}

impl<'r> Said<'r> {
    pub(super) fn new(
        risks: &'r BTreeMap<String, About>,
        findings: impl IntoIterator<Item = &'r Finding>,
    ) -> Self {
        let mut first: BTreeMap<&str, &str> = BTreeMap::new();
        let mut various = HashSet::new();
        for finding in findings.into_iter().filter(|finding| finding.risks.is_empty()) {
            if *first.entry(&finding.rule).or_insert(&finding.fix) != finding.fix {
                various.insert(finding.rule.as_str());
            }
        }
        Self { risks, various, fixes: BTreeMap::new() }
    }

    /// The words for a risk; its id where this version does not know it any more.
    pub(super) fn title(&mut self, risk: &'r str) -> &'r str {
        let Some(about) = self.risks.get(risk) else { return risk };
        self.fixes.insert(risk, (&about.title, &about.fix));
        &about.title
    }

    /// What to do, once for each risk and check that was shown.
    pub(super) fn fixes(&self, page: &mut Page) {
        if self.fixes.is_empty() {
            return;
        }
        page.heading("What to do", "");
        let width = self.fixes.keys().map(|rule| rule.len()).max().unwrap_or_default();
        for (rule, (title, fix)) in &self.fixes {
            let text = if title.is_empty() { (*fix).to_owned() } else { format!("{title}: {fix}") };
            page.entry(0, rule, width, &text);
        }
    }
}

/// Says how many rows were left out.
pub(super) fn more(page: &mut Page, all: usize, rows: usize) {
    if let Some(left @ 1..) = all.checked_sub(rows) {
        page.faint(0, &format!("… and {} more: --limit 0 lists all", count(left as u64)));
    }
}
