//! What a user agent looks like. It is free text from the client: a help for readers, never a reason to decide.

/// The tool that a user agent belongs to by the look of it.
pub fn tool(user_agent: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 24] = [
        ("stratus-red-team", "Stratus Red Team, an attack tool"),
        ("kube-hunter", "kube-hunter, an attack tool"),
        ("peirates", "peirates, an attack tool"),
        ("kdigger", "kdigger, an attack tool"),
        ("cdk", "CDK, an attack tool"),
        ("nuclei", "Nuclei, a scanner"),
        ("nmap", "Nmap, a scanner"),
        ("masscan", "masscan, a scanner"),
        ("zgrab", "ZGrab, a scanner"),
        ("kubectl", "kubectl"),
        ("curl/", "curl"),
        ("wget/", "Wget"),
        ("python-requests/", "a Python script (requests)"),
        ("python-urllib", "a Python script (urllib)"),
        ("openapi-generator/", "a Kubernetes client library"),
        ("go-http-client/", "a Go program that names no client (peirates and CDK do so too)"),
        ("k9s/", "k9s"),
        ("helm/", "Helm"),
        ("argocd", "Argo CD"),
        ("kubernetes-client/", "a Kubernetes client library"),
        ("javascript", "a Kubernetes client library"),
        ("powershell", "PowerShell"),
        ("mozilla/", "a browser"),
        ("kubelet/", "a kubelet"),
    ];
    let lower = user_agent.to_ascii_lowercase();
    let begins = KNOWN.iter().find(|(prefix, _)| lower.starts_with(prefix));
    if let Some((_, "a Kubernetes client library")) = begins
        && lower.contains("python")
    {
        return Some("a Python script (Kubernetes client)");
    }
    if begins.is_none() && lower.contains("kubernetes/$format") {
        return Some("a program of its own built on client-go");
    }
    begins.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::tool;

    #[test]
    fn clients_of_the_recordings_are_known() {
        for (agent, want) in [
            ("curl/8.5.0", "curl"),
            ("kubectl/v1.32.4 (linux/amd64) kubernetes/4cb5", "kubectl"),
            ("python-requests/2.31.0", "a Python script (requests)"),
            ("OpenAPI-Generator/29.0.0/python", "a Python script (Kubernetes client)"),
            ("evil/v0.0.0 (linux/amd64) kubernetes/$Format", "a program of its own built on client-go"),
        ] {
            assert_eq!(tool(agent), Some(want));
        }
        assert_eq!(tool("something else"), None);
    }
}
