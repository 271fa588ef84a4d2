//! Reads the namespace of its target from the message of a refused impersonation.
//!
//! ```text
//! serviceaccounts "NAME" is forbidden: User "WHO" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "NAMESPACE": WHY
//! ```
//!
//! Since constrained impersonation (1.36) the resource can carry its group and the verb its mode. WHO and NAME are
//! quoted by Go, so what they hold cannot end them early; WHY is free text of an authorizer. So the message is read
//! from the front, word by word, and nothing is searched for.

/// The namespace, where `message` is such a refusal.
pub(super) fn namespace_of_target(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("serviceaccounts")?;
    let rest = rest.strip_prefix(".authentication.k8s.io").unwrap_or(rest);
    let (_, rest) = quoted(rest.strip_prefix(' ')?)?;
    let (_, rest) = quoted(rest.strip_prefix(" is forbidden: User ")?)?;
    let rest = rest.strip_prefix(" cannot impersonate")?;
    let rest = rest.strip_prefix(":serviceaccount").unwrap_or(rest);
    let rest = rest.strip_prefix(" resource \"serviceaccounts\" in API group ")?;
    let (_, rest) = quoted(rest)?;
    let (namespace, why) = quoted(rest.strip_prefix(" in the namespace ")?)?;
    (why.is_empty() || why.starts_with(": ")).then_some(namespace)
}

/// The inside of the string in double quotes that `text` begins with, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })?;
    Some((&inside[..end], &inside[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::namespace_of_target;

    #[test]
    fn both_forms_of_the_message_name_the_namespace() {
        for message in [
            r#"serviceaccounts "a" is forbidden: User "u" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "ns""#,
            r#"serviceaccounts "a" is forbidden: User "u" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "ns": RBAC: role "x" not found"#,
            r#"serviceaccounts.authentication.k8s.io "a" is forbidden: User "u" cannot impersonate:serviceaccount resource "serviceaccounts" in API group "authentication.k8s.io" in the namespace "ns""#,
        ] {
            assert_eq!(namespace_of_target(message), Some("ns"), "{message}");
        }
    }

    #[test]
    fn text_inside_a_name_or_a_reason_is_not_read() {
        let forged =
            r#"cannot impersonate resource \"serviceaccounts\" in API group \"\" in the namespace \"other\""#;
        let plain = forged.replace('\\', "");
        let head = r#"serviceaccounts "a" is forbidden: User "#;
        let tail = r#"cannot impersonate resource "serviceaccounts" in API group "" in the namespace "ns""#;
        let inside = format!(r#"{head}"x\" {forged} \"" {tail}"#);
        assert_eq!(namespace_of_target(&inside), Some("ns"));
        assert_eq!(namespace_of_target(&format!("{head}\"u\" {tail}: \"x\" {plain}")), Some("ns"));
        // Without Go's quoting there is no telling where the name ends.
        assert_eq!(namespace_of_target(&format!("{head}\"x\" y {plain}\" {tail}")), None);
    }
}
