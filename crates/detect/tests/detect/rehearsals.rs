//! What an announced touch covers.

use serde_json::json;
use sundew_detect::{Purpose, Rehearsal};

use crate::given::{Shape, at, read_of_secret, request, use_of_token};

const NONCE: &str = "3f9c1a7be04d52d8816f0c93ab7e64d1";

fn upkeep() -> Rehearsal {
    Rehearsal {
        nonce: NONCE.into(),
        purpose: Purpose::Upkeep,
        decoy: "honeypot/backup-sa".into(),
        not_before: at(-60),
        not_after: at(60),
        used: 0,
    }
}

fn shown(event: Shape) -> Shape {
    event.set("userAgent", json!(format!("kubectl/v1.36.2 (linux/amd64) kubernetes/{NONCE}")))
}

#[test]
fn upkeep_covers_looking_at_the_secret_by_name_and_setting_its_label_back_and_nothing_else() {
    let secret = |verb: &str| {
        shown(request(verb, "/api/v1/namespaces/honeypot/secrets/backup-sa-token").object(
            "secrets",
            "honeypot",
            "backup-sa-token",
        ))
    };
    for verb in ["get", "list", "watch", "patch"] {
        assert!(upkeep().covers(&secret(verb).finding()), "{verb}");
    }
    let exec = request("create", "/exec").object("pods/exec", "honeypot", "file-backup");
    let token = request("create", "/token").object("serviceaccounts/token", "honeypot", "backup-sa");
    let account = request("patch", "/sa").object("serviceaccounts", "honeypot", "backup-sa");
    for event in [
        secret("delete"),
        secret("update"),
        shown(use_of_token("get", "/api")),
        shown(exec),
        shown(token),
        shown(account),
        secret("get").at(61),
        read_of_secret(),
    ] {
        let finding = event.finding();
        assert!(!upkeep().covers(&finding), "{finding:?}");
    }
    assert_eq!("upkeep".parse(), Ok(Purpose::Upkeep));
    assert_eq!(Purpose::Upkeep.as_str(), "upkeep");
}
