//! From what was assessed to findings: one file a question.

mod everyone;
mod paths;
mod pods;
mod rights;
mod tokens;
mod unused;

use super::{Assessment, coverage::Extent, held::Held, words};
use crate::{
    Severity,
    model::{Account, Binding, Subject},
    rbac::{ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED},
    report::{Because, Finding, Object, View},
    risk::Risk,
};

impl Assessment<'_> {
    /// Every finding, in no order.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        self.subjects(&mut found);
        self.roles(&mut found);
        self.bindings(&mut found);
        let alike = self.alike();
        self.pods(&alike, &mut found);
        self.nodes(&mut found);
        self.privileged(&alike, &mut found);
        self.tokens(&mut found);
        self.everyone(&mut found);
        self.unused(&mut found);
        found
    }
}

impl Assessment<'_> {
    /// The description of an account.
    fn described(&self, subject: &Subject) -> Option<&Account> {
        self.accounts.get(&(subject.namespace(), &**subject.name())).copied()
    }

    /// A subject, with its place where it is an account that was described.
    fn subject(&self, subject: &Subject) -> Object {
        self.described(subject).map_or_else(
            || words::subject(subject),
            |account| words::object(self.cluster, subject.kind(), &account.meta),
        )
    }
}

/// How bad what is held is.
pub(super) fn severity(risk: &Risk, held: &Held) -> Severity {
    risk.severity.at(held.namespace.as_deref().unwrap_or_default(), held.extent == Extent::Named)
}

/// Whether Kubernetes itself lets the subject have what the binding grants. A label or a name is not enough: whoever adds
/// somebody of their own to `cluster-admin` changes a binding that Kubernetes made.
pub(super) fn is_of_kubernetes(binding: &Binding, subject: &Subject) -> bool {
    let name = &binding.meta.name;
    if !may_be_of_kubernetes(binding) {
        return false;
    }
    match subject {
        Subject::Group(group) if &**group == MASTERS => true,
        Subject::User(of) | Subject::Group(of) => {
            let everybody = matches!(&**of, ANONYMOUS | AUTHENTICATED | UNAUTHENTICATED)
                || of.starts_with("system:serviceaccount");
            of.starts_with("system:") && !everybody && &**name != "cluster-admin"
        }
        // Each controller has a binding that is named after it; what they lead by turns has two colons.
        Subject::Account { namespace, name: of } => {
            &**namespace == "kube-system" && (name.ends_with(&**of) || name.starts_with("system::"))
        }
    }
}

/// Whether a binding looks as if Kubernetes had made it; kubeadm's have no label.
pub(super) fn may_be_of_kubernetes(binding: &Binding) -> bool {
    binding.built_in || binding.meta.name.starts_with("kubeadm:")
}

/// A check that is no risk's file: its words.
struct Check {
    view: View,
    rule: &'static str,
    severity: Severity,
    title: String,
    gives: &'static str,
    fix: String,
    reference: &'static str,
    attack: &'static [&'static str],
}

impl Check {
    /// The finding about `object`.
    fn about(self, object: Object, because: Vec<Because>, system: bool) -> Finding {
        let view = self.view.as_str();
        Finding {
            id: words::id(&[view, self.rule, &object.kind, &object.namespace, &object.name]),
            view: self.view,
            rule: self.rule.to_owned(),
            risks: Vec::new(),
            severity: self.severity,
            object,
            title: self.title,
            scope: String::new(),
            gives: self.gives.to_owned(),
            because,
            fix: self.fix,
            attack: self.attack.iter().map(|&id| id.to_owned()).collect(),
            reference: self.reference.to_owned(),
            system,
            accepted: None,
            exception_ended: None,
        }
    }
}

/// A reason without a binding or a role.
fn reason(what: impl Into<String>) -> Because {
    Because {
        what: what.into(),
        binding: String::new(),
        binding_place: String::new(),
        role: String::new(),
        role_place: String::new(),
    }
}
