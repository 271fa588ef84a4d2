//! What one request about one object says, and what becomes of the answers.

use serde_json::{Value, json};
use sundew_cluster::{Deleted, Hand, HandError, ObjectKey, Reason};

use crate::server::{Asked, Reply, Server, failure, ok, status};

const AGENT: &str = "kubectl/v1.36.2 (linux/amd64) kubernetes/5ec2e7";
const SECRETS: &str = "/api/v1/namespaces/ns/secrets";

fn secret() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "ns", "name": "x"}})
}

fn key() -> ObjectKey {
    let [api_version, kind, namespace, name] = ["v1", "Secret", "ns", "x"].map(str::to_owned);
    ObjectKey { api_version, kind, namespace, name }
}

/// A server that answers so, and a hand for it.
async fn hand(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Server, Hand) {
    let server = Server::start(answer).await;
    let hand = server.open().await.hand(AGENT);
    (server, hand)
}

#[tokio::test]
async fn what_is_made_is_checked_strictly_and_bears_the_given_names() {
    let (server, hand) = hand(|_| ok(&json!({"metadata": {"uid": "u-1"}}))).await;
    let made = hand.create(&secret(), "kubectl-create", false).await.unwrap();
    assert_eq!(made["metadata"]["uid"], "u-1");
    let [asked] = &server.asked()[..] else { panic!() };
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", SECRETS));
    assert_eq!(asked.query("fieldManager"), "kubectl-create");
    assert_eq!(asked.query("fieldValidation"), "Strict");
    assert!(!asked.query.contains_key("dryRun"));
    assert_eq!(asked.header("user-agent"), AGENT);
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.body, secret());
}

#[tokio::test]
async fn a_dry_run_says_so_to_the_server() {
    let (server, hand) = hand(|_| ok(&json!({}))).await;
    hand.create(&secret(), "x", true).await.unwrap();
    assert_eq!(server.asked()[0].query("dryRun"), "All");
}

#[tokio::test]
async fn what_cannot_be_named_or_planted_is_not_sent() {
    let (server, hand) = hand(|_| ok(&json!({}))).await;
    for object in [
        json!({}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "ns", "generateName": "x"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "a/b", "name": "x"}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}),
    ] {
        assert!(hand.create(&object, "x", false).await.is_err(), "{object}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn each_refusal_is_told_by_what_it_means() {
    for (code, reason, message, part) in [
        (
            403,
            "Forbidden",
            "User \"u\" cannot create",
            "this credential may not create Secret ns/x: User \"u\"",
        ),
        (
            403,
            "Forbidden",
            "admission webhook \"w\" denied",
            "the server does not take Secret ns/x: admission",
        ),
        (404, "NotFound", "namespaces \"ns\" not found", "it is not there (namespaces \"ns\" not found)"),
        (409, "AlreadyExists", "secrets \"x\" already exists", "Secret ns/x is there already"),
        (409, "Conflict", "the object has been modified", "was changed by somebody else: the object has"),
        (422, "Invalid", "metadata.name: Invalid", "does not take Secret ns/x: metadata.name"),
        (400, "BadRequest", "unknown field \"spec.x\"", "does not take Secret ns/x: unknown field"),
        (415, "", "no", "cannot create Secret ns/x: the server answered 415 (no)"),
    ] {
        let (server, hand) = hand(move |_| failure(code, reason, message, "")).await;
        let error = hand.create(&secret(), "x", false).await.unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(server.asked().len(), 1, "asking again does not help");
    }
}

#[tokio::test]
async fn what_may_have_been_made_is_not_sent_again() {
    for answer in [
        (|_: &Asked| Reply::Nothing) as fn(&Asked) -> Reply,
        |_| status(500, "etcd is gone"),
        |_| status(504, "too late"),
        |_| status(503, "no backend"),
        |_| status(429, "no time named"),
    ] {
        let (server, hand) = hand(answer).await;
        let error = hand.create(&secret(), "x", false).await.unwrap_err();
        assert!(matches!(error, HandError::Failed { verb: "create", .. }), "{error}");
        hand.patch(&key(), &json!({}), "x").await.unwrap_err();
        let methods: Vec<_> = server.asked().into_iter().map(|asked| asked.method).collect();
        assert_eq!(methods, ["POST", "PATCH"]);
    }
}

#[tokio::test]
async fn what_the_server_says_it_did_not_take_up_is_sent_again() {
    for code in [429, 503] {
        let (server, hand) = hand(move |asked| match asked.nth {
            0 => failure(code, "", "later", "retry-after: 0\r\n"),
            _ => ok(&json!({})),
        })
        .await;
        hand.create(&secret(), "x", false).await.unwrap();
        hand.patch(&key(), &json!({}), "x").await.unwrap();
        assert_eq!(server.asked().len(), 4);
    }
}

#[tokio::test]
async fn a_read_is_sent_again_after_a_broken_connection() {
    let (server, hand) = hand(|asked| match asked.nth {
        0 => Reply::Nothing,
        _ => ok(&secret()),
    })
    .await;
    assert_eq!(hand.get(&key()).await.unwrap(), Some(secret()));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_no_error_to_who_looks_for_it() {
    let (_server, hand) = hand(|_| status(404, "not found")).await;
    assert_eq!(hand.get(&key()).await.unwrap(), None);
    assert_eq!(hand.metadata(&key()).await.unwrap(), None);
    let error = hand.patch(&key(), &json!({}), "x").await.unwrap_err();
    assert!(matches!(error, HandError::Missing { verb: "patch", .. }), "{error}");
}

#[tokio::test]
async fn a_patch_is_a_merge_patch() {
    let (server, hand) = hand(|_| ok(&json!({}))).await;
    let patch = json!({"metadata": {"uid": "u-1", "resourceVersion": "7", "labels": {"a": null}}});
    hand.patch(&key(), &patch, "kubectl-label").await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("PATCH", "/api/v1/namespaces/ns/secrets/x"));
    assert_eq!(asked.header("content-type"), "application/merge-patch+json");
    assert_eq!((asked.query("fieldManager"), &asked.body), ("kubectl-label", &patch));
    assert!(asked.header("accept").contains("as=PartialObjectMetadata"), "no token comes back");

    let map = ObjectKey { kind: "ConfigMap".into(), ..key() };
    hand.patch(&map, &patch, "kubectl-edit").await.unwrap();
    assert_eq!(server.asked()[1].header("accept"), "application/json");
}

#[tokio::test]
async fn only_the_object_of_this_uid_is_deleted_with_what_it_owns() {
    let (server, hand) = hand(|_| ok(&json!({"kind": "Status"}))).await;
    assert_eq!(hand.delete(&key(), "u-1").await.unwrap(), Deleted::Done);
    let asked = &server.asked()[0];
    assert_eq!(asked.body["preconditions"], json!({"uid": "u-1"}));
    assert_eq!(asked.body["propagationPolicy"], "Background");
}

#[tokio::test]
async fn a_deletion_tells_what_was_there_instead() {
    let (_server, hand_1) = hand(|_| status(404, "not found")).await;
    assert_eq!(hand_1.delete(&key(), "u-1").await.unwrap(), Deleted::WasGone);

    let other = |asked: &Asked| match asked.method.as_str() {
        "DELETE" => status(409, "Precondition failed"),
        _ => ok(&json!({"kind": "PartialObjectMetadata", "metadata": {"uid": "u-2"}})),
    };
    let (_server, hand_2) = hand(other).await;
    assert_eq!(hand_2.delete(&key(), "u-1").await.unwrap(), Deleted::Other { uid: "u-2".into() });
    // A conflict over the object itself is none over its uid.
    let error = hand_2.delete(&key(), "u-2").await.unwrap_err();
    assert!(matches!(error, HandError::Conflict { .. }), "{error}");

    let gone_meanwhile = |asked: &Asked| match asked.method.as_str() {
        "DELETE" => status(409, "Precondition failed"),
        _ => status(404, "not found"),
    };
    let (_server, hand_3) = hand(gone_meanwhile).await;
    assert_eq!(hand_3.delete(&key(), "u-1").await.unwrap(), Deleted::WasGone);
}

#[tokio::test]
async fn of_metadata_nothing_else_is_asked_for_or_kept() {
    let (server, hand) = hand(|_| ok(&json!({"kind": "Secret", "data": {"token": "c2VjcmV0"}}))).await;
    let error = hand.metadata(&key()).await.unwrap_err();
    assert!(matches!(&error, HandError::Failed { why: Reason::ValuesSent, .. }), "{error}");
    assert!(!format!("{error}{error:?}").contains("c2VjcmV0"));
    assert_eq!(
        server.asked()[0].header("accept"),
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    );
}

#[tokio::test]
async fn a_list_of_metadata_is_read_to_its_end_and_begun_anew_where_it_grew_too_old() {
    let page = |names: &[&str], next: &str| {
        let items: Vec<_> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
        ok(&json!({"kind": "PartialObjectMetadataList", "metadata": {"continue": next}, "items": items}))
    };
    let (server, hand_1) = hand(move |asked| match (asked.nth, asked.query("continue")) {
        (0, _) => page(&["old"], "a"),
        (1, "a") => status(410, "too old"),
        (_, "") => page(&["one", "two"], "b"),
        _ => page(&["three"], ""),
    })
    .await;
    let names = |listed: Vec<Value>| -> Vec<String> {
        listed.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let listed = hand_1.list_metadata("v1", "Secret", "ns").await.unwrap();
    assert_eq!(names(listed), ["one", "two", "three"]);
    assert!(server.asked().iter().all(|asked| asked.path == SECRETS && asked.query("limit") == "500"));

    let (server, hand_2) =
        hand(|_| ok(&json!({"kind": "SecretList", "items": [{"data": {"token": "c2VjcmV0"}}]}))).await;
    let error = hand_2.list_metadata("v1", "Secret", "").await.unwrap_err();
    assert!(matches!(&error, HandError::Failed { why: Reason::ValuesSent, .. }), "{error}");
    assert_eq!(server.asked()[0].path, "/api/v1/secrets");
}

#[tokio::test]
async fn a_token_is_used_once_and_with_no_other_credential() {
    let (server, hand) = hand(|_| status(503, "busy")).await;
    hand.get(&key()).await.unwrap_err();
    assert_eq!(hand.use_token("t0k3n", "/api/v1/namespaces/ns/pods?limit=1").await.unwrap(), 503);
    let asked = server.asked();
    let [others @ .., used] = &asked[..] else { panic!() };
    assert_eq!(others[0].header("authorization"), "Bearer a-bearer-token");
    assert_eq!(others[0].header("impersonate-user"), "somebody-else");
    assert_eq!((used.path.as_str(), used.query("limit")), ("/api/v1/namespaces/ns/pods", "1"));
    assert_eq!((used.header("authorization"), used.header("user-agent")), ("Bearer t0k3n", AGENT));
    assert!(!used.headers.contains_key("impersonate-user"));
    assert_eq!(others.len(), 3, "the get was sent again, the token's use was not: {others:?}");
}

#[tokio::test]
async fn no_token_and_no_user_agent_is_in_an_error_or_in_debug_output() {
    let (server, hand) = hand(|_| Reply::Nothing).await;
    let error = hand.use_token("t0k3n", "/api").await.unwrap_err();
    let shown = format!("{error} {error:?} {hand:?}");
    assert!(!shown.contains("t0k3n") && !shown.contains("5ec2e7") && !shown.contains("a-bearer"), "{shown}");
    let error = hand.use_token("t0k3n\n", "/api").await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("no HTTP header can have") && !shown.contains("t0k3n"), "{shown}");
    assert_eq!(server.asked().len(), 1, "a token is not tried twice");
}

#[tokio::test]
async fn the_server_s_clock_is_read_from_its_answers() {
    let date = "date: Fri, 20 Nov 2026 21:33:11 GMT\r\n";
    let (_server, hand) = hand(move |_| Reply::Whole(200, date, secret().to_string())).await;
    assert_eq!(hand.server_time(), None);
    hand.get(&key()).await.unwrap();
    assert!(hand.server_time().unwrap().to_string().starts_with("2026-11-20T21:3"));
}

#[tokio::test]
async fn an_answer_that_is_no_object_is_an_error() {
    let (_server, hand) = hand(|_| Reply::Whole(200, "", "<html>Sign in</html>".into())).await;
    let error = hand.get(&key()).await.unwrap_err();
    assert!(error.to_string().contains("it is not JSON"), "{error}");
}

/// A task may go from thread to thread while it waits for an answer.
#[tokio::test]
async fn whatever_is_asked_for_can_be_waited_for_in_a_task() {
    let (_server, hand) = hand(|_| status(404, "not found")).await;
    tokio::spawn(async move {
        let (key, object) = (key(), secret());
        hand.create(&object, "x", true).await.unwrap_err();
        hand.patch(&key, &object, "x").await.unwrap_err();
        assert_eq!(hand.get(&key).await.unwrap(), None);
        assert_eq!(hand.metadata(&key).await.unwrap(), None);
        assert_eq!(hand.delete(&key, "u").await.unwrap(), Deleted::WasGone);
        assert_eq!(hand.use_token("t", "/api").await.unwrap(), 404);
        hand.list_metadata("v1", "Secret", "").await.unwrap_err();
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_the_account_may_do_is_asked_of_the_server() {
    let (server, hand) = hand(|asked| match asked.nth {
        0 => ok(&json!({"status": {"allowed": true}})),
        1 => ok(&json!({"status": {"allowed": false, "reason": "no"}})),
        2 => ok(&json!({"status": {}})),
        _ => status(403, "forbidden"),
    })
    .await;
    let may = async || hand.may("patch", "", "secrets", "ns", "x").await;
    assert_eq!(may().await, Ok(true));
    assert_eq!(may().await, Ok(false));
    assert!(matches!(may().await, Err(Reason::Damaged { .. })));
    assert!(matches!(may().await, Err(Reason::Forbidden { .. })));
    let asked = &server.asked()[0];
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str(), asked.header("user-agent")),
        ("POST", path, AGENT)
    );
    let attributes =
        json!({"verb": "patch", "group": "", "resource": "secrets", "namespace": "ns", "name": "x"});
    assert_eq!(asked.body["spec"]["resourceAttributes"], attributes);
}
