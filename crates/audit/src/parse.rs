//! Reads one event from one piece of JSON, every field, checking that the JSON is sound.
//!
//! Keys may come in any order, and the last of duplicates counts, as in Go's decoder.

use smallvec::SmallVec;

use crate::{
    event::{Details, Event, ObjectRef, Status, User},
    json::Cursor,
    list::{ListPairs, Pairs, Texts, put},
    reject::Reject,
    text::Text,
};

type Result<T> = std::result::Result<T, Reject>;

/// Reads the event that `json` holds, with nothing but white space around it.
///
/// What comes back may be some other object without a single known field: ask [`Event::is_audit`].
///
/// # Errors
///
/// Where `json` is no sound JSON object, or a known field has another type than audit.k8s.io/v1 gives it.
pub fn event(json: &str) -> Result<Event<'_>> {
    let mut event = Event::default();
    event_into(json, &mut event)?;
    Ok(event)
}

/// Like [`event`], but what was read before an error stays in `event`: a line that was cut off still tells who and
/// what, where its head has come through.
///
/// # Errors
///
/// As [`event`].
pub fn event_into<'a>(json: &'a str, event: &mut Event<'a>) -> Result<()> {
    let mut cursor = Cursor::new(json);
    cursor.skip_space();
    cursor.object(|c, key| field(c, key, event))?;
    if cursor.at_end() { Ok(()) } else { Err(cursor.unexpected("expected the end of the line")) }
}

#[inline]
fn field<'a>(c: &mut Cursor<'a>, key: Text<'a>, event: &mut Event<'a>) -> Result<()> {
    let decoded = key.decode();
    match decoded.as_ref() {
        "kind" => event.kind = c.string_or_null()?,
        "apiVersion" => event.api_version = c.string_or_null()?,
        "level" => event.level = c.string_or_null()?,
        "auditID" => event.audit_id = c.string_or_null()?,
        "stage" => event.stage = c.string_or_null()?,
        "requestURI" => event.request_uri = c.string_or_null()?,
        "verb" => event.verb = c.string_or_null()?,
        "user" => {
            event.user = User::default();
            user(c, &mut event.user)?;
        }
        "impersonatedUser" => {
            event.impersonated_user = None;
            if !c.null() {
                user(c, event.impersonated_user.insert(User::default()))?;
            }
        }
        "authenticationMetadata" => event.authentication_metadata = c.raw()?,
        "sourceIPs" => event.source_ips = texts(c)?,
        "userAgent" => event.user_agent = c.string_or_null()?,
        "objectRef" => {
            event.object_ref = None;
            if !c.null() {
                object_ref(c, event.object_ref.insert(ObjectRef::default()))?;
            }
        }
        "responseStatus" => {
            event.response_status = None;
            if !c.null() {
                status(c, event.response_status.insert(Status::default()))?;
            }
        }
        "requestObject" => event.request_object = c.raw()?,
        "responseObject" => event.response_object = c.raw()?,
        "requestReceivedTimestamp" => event.request_received = c.string_or_null()?,
        "stageTimestamp" => event.stage_timestamp = c.string_or_null()?,
        "annotations" => event.annotations = pairs(c)?,
        _ => c.skip_value()?,
    }
    Ok(())
}

fn user<'a>(c: &mut Cursor<'a>, user: &mut User<'a>) -> Result<()> {
    if c.null() {
        return Ok(());
    }
    c.object(|c, key| {
        match key.decode().as_ref() {
            "username" => user.username = c.string_or_null()?,
            "uid" => user.uid = c.string_or_null()?,
            "groups" => user.groups = texts(c)?,
            "extra" => user.extra = list_pairs(c)?,
            _ => c.skip_value()?,
        }
        Ok(())
    })
}

fn object_ref<'a>(c: &mut Cursor<'a>, object: &mut ObjectRef<'a>) -> Result<()> {
    c.object(|c, key| {
        match key.decode().as_ref() {
            "resource" => object.resource = c.string_or_null()?,
            "namespace" => object.namespace = c.string_or_null()?,
            "name" => object.name = c.string_or_null()?,
            "uid" => object.uid = c.string_or_null()?,
            "apiGroup" => object.api_group = c.string_or_null()?,
            "apiVersion" => object.api_version = c.string_or_null()?,
            "resourceVersion" => object.resource_version = c.string_or_null()?,
            "subresource" => object.subresource = c.string_or_null()?,
            _ => c.skip_value()?,
        }
        Ok(())
    })
}

fn status<'a>(c: &mut Cursor<'a>, status: &mut Status<'a>) -> Result<()> {
    c.object(|c, key| {
        match key.decode().as_ref() {
            "status" => status.status = c.string_or_null()?,
            "message" => status.message = c.string_or_null()?,
            "reason" => status.reason = c.string_or_null()?,
            "code" => status.code = c.i32_or_null()?,
            "details" => {
                status.details = None;
                if !c.null() {
                    details(c, status.details.insert(Details::default()))?;
                }
            }
            _ => c.skip_value()?,
        }
        Ok(())
    })
}

fn details<'a>(c: &mut Cursor<'a>, details: &mut Details<'a>) -> Result<()> {
    c.object(|c, key| {
        match key.decode().as_ref() {
            "name" => details.name = c.string_or_null()?,
            "group" => details.group = c.string_or_null()?,
            "kind" => details.kind = c.string_or_null()?,
            "uid" => details.uid = c.string_or_null()?,
            _ => c.skip_value()?,
        }
        Ok(())
    })
}

fn texts<'a>(c: &mut Cursor<'a>) -> Result<Texts<'a>> {
    let mut list = SmallVec::new();
    if !c.null() {
        c.array(|c| {
            list.push(c.string_or_null()?);
            Ok(())
        })?;
    }
    Ok(list)
}

fn pairs<'a>(c: &mut Cursor<'a>) -> Result<Pairs<'a>> {
    let mut map = SmallVec::new();
    if !c.null() {
        c.object(|c, key| {
            let value = c.string_or_null()?;
            put(&mut map, key, value);
            Ok(())
        })?;
    }
    Ok(map)
}

fn list_pairs<'a>(c: &mut Cursor<'a>) -> Result<ListPairs<'a>> {
    let mut map = SmallVec::new();
    if !c.null() {
        c.object(|c, key| {
            let values = texts(c)?.into_iter().collect();
            put(&mut map, key, values);
            Ok(())
        })?;
    }
    Ok(map)
}
