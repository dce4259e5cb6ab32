//! Cursors of lists: where the next page goes on, sealed, good for the same caller, list, filter and order only.

use crate::ask::Ask;
use crate::error::Problem;
use api_core::sealed_state;
use axum::http::StatusCode;
use identity::encoding::encode;
use identity::id::Hash;
use minicbor::{Decode, Encode};

const PURPOSE: &str = "list cursor";

#[derive(Encode, Decode)]
struct Cursor {
    /// SHA-256 of what the list was asked for, and by whom.
    #[n(0)]
    list: Hash,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    place: Vec<u8>,
}

/// What a list was asked for: its name, filter and order, as one text.
fn list_of(ask: &Ask, list: &str) -> Hash {
    Hash::of(&encode(&(&ask.caller.subject, list)))
}

/// Seals a place.
pub fn seal(ask: &Ask, list: &str, place: Vec<u8>) -> Result<String, Problem> {
    let cursor = Cursor { list: list_of(ask, list), place };
    let (service, instance) = (&ask.service, ask.tenant.instance);
    Ok(sealed_state::seal(&service.machine, &*service.entropy, &ask.view, instance, PURPOSE, &cursor)?)
}

/// What is said of a cursor that is none of the list.
pub fn invalid() -> Problem {
    let title = "the cursor is not of this list: use it as the answer gave it, with the same filter and sort";
    Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", title)
}

/// Opens a place that was sealed for the same.
pub fn open(ask: &Ask, list: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let (machine, instance) = (&ask.service.machine, ask.tenant.instance);
    let opened = sealed_state::open::<Cursor>(machine, &ask.view, instance, PURPOSE, text);
    let cursor = opened.map_err(|_| invalid())?;
    if cursor.list.same(&list_of(ask, list)) { Ok(cursor.place) } else { Err(invalid()) }
}
