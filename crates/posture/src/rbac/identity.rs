//! Who asks: a user name with the groups that authentication gives it.

use std::fmt;

use crate::model::{Str, Subject};

/// The group of every request with a valid credential.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of every request without a credential.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user of every request without a credential.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group that no authorizer is asked about: it may do everything.
pub const MASTERS: &str = "system:masters";

/// A user name and its groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    user: Str,
    groups: Vec<Str>,
}

impl Identity {
    /// An account, in the groups of its namespace, of all accounts, and of all who are known
    /// (`pkg/serviceaccount/util.go`, `UserInfo`).
    pub fn account(namespace: &str, name: &str) -> Self {
        let groups = [
            "system:serviceaccounts".into(),
            format!("system:serviceaccounts:{namespace}").into(),
            AUTHENTICATED.into(),
        ];
        Self { user: user_of(namespace, name).into(), groups: groups.into() }
    }

    /// A user with the groups that are given, and that of all who are known, or for `system:anonymous` of all who are
    /// not; an account's name with no groups is taken as the account.
    pub fn user(name: &str, groups: &[&str]) -> Self {
        if let (Some((namespace, name)), true) = (account_of(name), groups.is_empty()) {
            return Self::account(namespace, name);
        }
        let mut all: Vec<Str> = Vec::with_capacity(groups.len() + 1);
        for &group in groups {
            if !all.iter().any(|other| **other == *group) {
                all.push(group.into());
            }
        }
        if !all.iter().any(|group| matches!(&**group, AUTHENTICATED | UNAUTHENTICATED)) {
            all.push(if name == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED }.into());
        }
        Self { user: name.into(), groups: all }
    }

    /// A node's kubelet.
    pub fn node(name: &str) -> Self {
        Self::user(&format!("system:node:{name}"), &["system:nodes"])
    }

    /// Somebody of whom only a group is known: its members have at least this.
    pub fn group(name: &str) -> Self {
        let mut groups: Vec<Str> = vec![name.into()];
        if !matches!(name, AUTHENTICATED | UNAUTHENTICATED) {
            groups.push(AUTHENTICATED.into());
        }
        // The groups of accounts' namespaces lie within that of all accounts.
        if name.starts_with("system:serviceaccounts:") {
            groups.push("system:serviceaccounts".into());
        }
        Self { user: "".into(), groups }
    }

    /// The identity that a binding's subject is.
    pub fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Account { namespace, name } => Self::account(namespace, name),
            Subject::User(name) => match name.strip_prefix("system:node:") {
                Some(node) => Self::node(node),
                None => Self::user(name, &[]),
            },
            Subject::Group(name) => Self::group(name),
        }
    }

    /// Its user name; empty for a group.
    pub fn name(&self) -> &Str {
        &self.user
    }

    /// Its groups.
    pub fn groups(&self) -> &[Str] {
        &self.groups
    }

    /// The subjects of bindings that it matches: an account is matched as an account and by its user name.
    pub fn subjects(&self) -> Vec<Subject> {
        let mut subjects = Vec::with_capacity(self.groups.len() + 2);
        if let Some((namespace, name)) = account_of(&self.user) {
            subjects.push(Subject::Account { namespace: namespace.into(), name: name.into() });
        }
        if !self.user.is_empty() {
            subjects.push(Subject::User(self.user.clone()));
        }
        subjects.extend(self.groups.iter().cloned().map(Subject::Group));
        subjects
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.user.is_empty() {
            return write!(f, "a member of {}", self.groups.first().map_or("no group", |g| g));
        }
        f.write_str(&self.user)
    }
}

/// An account's user name (`pkg/serviceaccount/util.go`).
pub fn user_of(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Namespace and name of an account from its user name.
pub fn account_of(user: &str) -> Option<(&str, &str)> {
    // No account lies outside a namespace: a subject that names none in a ClusterRoleBinding is nobody.
    user.strip_prefix("system:serviceaccount:")?
        .split_once(':')
        .filter(|(namespace, _)| !namespace.is_empty())
}
