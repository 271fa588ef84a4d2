//! Which findings are shown: by view, namespace, kind, name, severity and age.

use jiff::Timestamp;

use super::{Finding, Report, View};
use crate::{Severity, risk::is_like};

/// What findings and paths must be to be shown; all of it.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Any of these views; all where there are none.
    pub views: Vec<View>,
    /// Any of these namespaces; all where there are none.
    pub namespaces: Vec<String>,
    /// Any of these kinds, in any case of letters; all where there are none.
    pub kinds: Vec<String>,
    /// A name in which `*` stands for any characters.
    pub name: Option<String>,
    /// At least this bad.
    pub severity: Option<Severity>,
    /// Made after this time. What has no time is not.
    pub after: Option<Timestamp>,
    /// Made before this time. What has no time is not.
    pub before: Option<Timestamp>,
}

impl Filter {
    /// Whether a finding is shown.
    pub fn shows(&self, finding: &Finding) -> bool {
        (self.views.is_empty() || self.views.contains(&finding.view))
            && self.severity.is_none_or(|least| finding.severity >= least)
            && self.shows_object(&finding.object)
    }

    /// Whether what is about an object is shown, as far as it depends on the object.
    pub fn shows_object(&self, object: &super::Object) -> bool {
        let any = |wanted: &[String], is: &str| {
            wanted.is_empty() || wanted.iter().any(|w| w.eq_ignore_ascii_case(is))
        };
        any(&self.namespaces, &object.namespace)
            && any(&self.kinds, &object.kind)
            && self.name.as_deref().is_none_or(|name| is_like(name, &object.name))
            && self.after.is_none_or(|after| object.created.is_some_and(|created| created >= after))
            && self.before.is_none_or(|before| object.created.is_some_and(|created| created <= before))
    }

    /// Leaves only what is shown. Cuts stay: they are of the whole cluster.
    pub fn apply(&self, report: &mut Report) {
        report.findings.retain(|finding| self.shows(finding));
        report.paths.retain(|path| self.shows_object(&path.from));
        if let Some(usage) = &mut report.usage {
            usage.identities.retain(|narrowed| self.shows_object(&narrowed.subject));
        }
        report.summarise();
    }
}
