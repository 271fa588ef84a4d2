//! Rights that a request needs besides its own, and that no event tells of.

use super::What;

const RBAC: &str = "rbac.authorization.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

/// What a use may need besides. Whether it did is not in the log: who holds all of a role's rights needs no `bind`.
pub(super) fn by(what: &What) -> Vec<What> {
    let What::Resource { group, resource, subresource, namespace, verb } = what else { return Vec::new() };
    let writes = matches!(&**verb, "create" | "update" | "patch");
    match (&**group, &**resource, &**subresource) {
        // `pkg/registry/rbac/{role,rolebinding}/policybased` of the API server.
        (RBAC, "rolebindings", "") if writes => {
            ["roles", "clusterroles"].map(|of| What::resource(RBAC, of, "", namespace, "bind")).into()
        }
        (RBAC, "clusterrolebindings", "") if writes => {
            vec![What::resource(RBAC, "clusterroles", "", "", "bind")]
        }
        (RBAC, "roles" | "clusterroles", "") if writes => {
            vec![What::resource(RBAC, resource, "", namespace, "escalate")]
        }
        // `plugin/pkg/admission/certificates`.
        (CERTIFICATES, "certificatesigningrequests", "approval") if writes => {
            vec![What::resource(CERTIFICATES, "signers", "", "", "approve")]
        }
        (CERTIFICATES, "certificatesigningrequests", "status") if writes => {
            vec![What::resource(CERTIFICATES, "signers", "", "", "sign")]
        }
        (CERTIFICATES, "clustertrustbundles", "") if writes => {
            vec![What::resource(CERTIFICATES, "signers", "", "", "attest")]
        }
        // Over a WebSocket: from 1.35 the server asks for both.
        ("", "pods", "exec" | "attach" | "portforward") if &**verb == "get" => {
            vec![What::resource("", "pods", subresource, namespace, "create")]
        }
        _ => Vec::new(),
    }
}

/// Whether a use hands out rights: then whoever does it holds all that they hand out, or the right to hand out more
/// than they hold, which is what is answered.
pub(super) fn handing_out(what: &What) -> Option<Vec<What>> {
    let What::Resource { group, .. } = what else { return None };
    let needed = by(what);
    (&**group == RBAC && !needed.is_empty()).then_some(needed)
}
