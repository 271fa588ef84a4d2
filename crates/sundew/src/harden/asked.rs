//! What the commands are asked with: the audit policy, the inventory, identities, and logs that can be read twice.

use std::fs;

use anyhow::{Context, Result, bail};
use sundew_policy::Policy;
use sundew_posture::{Cluster, model::Subject, questions::Asked};

use crate::args;

/// The audit policy that the logs were written under.
pub(super) fn policy(args: &args::Seen) -> Result<Option<Policy>> {
    let Some(path) = &args.audit_policy else { return Ok(None) };
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the audit policy {shown}"))?;
    Ok(Some(sundew_policy::read(&shown, &text)?.policy))
}

/// Refuses logs that cannot be read a second time, and none at all.
pub(super) fn rereadable(args: &args::Seen) -> Result<()> {
    if args.logs.is_empty() {
        bail!("`sundew harden rbac` rests on what was used: give --logs the API server's audit logs");
    }
    if args.logs.iter().any(|path| path.as_os_str() == "-") {
        bail!(
            "the logs are read twice, to find what was used and to prove that it stays allowed, and standard input can be \
             read once: give --logs files"
        );
    }
    Ok(())
}

/// The identities of `--of`, each of which something must be bound to.
pub(super) fn subjects(of: &[String], cluster: &Cluster) -> Result<Vec<Subject>> {
    let mut found = Vec::new();
    for text in of {
        let subject = match text.parse::<Asked>()? {
            Asked::Subject(subject @ (Subject::Account { .. } | Subject::User(_))) => subject,
            other => bail!(
                "--of {text}: {other} is no identity that requests are made by; give sa/NAMESPACE/NAME or user/NAME"
            ),
        };
        let user = sundew_posture::rbac::Identity::of(&subject);
        let is_bound = |of: &Subject| !matches!(of, Subject::Group(_)) && user.subjects().contains(of);
        if !cluster.bindings.iter().flat_map(|binding| &binding.subjects).any(is_bound) {
            bail!("--of {text}: no role binding of what was read names {subject}");
        }
        found.push(subject);
    }
    Ok(found)
}
