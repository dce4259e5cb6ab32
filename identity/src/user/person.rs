//! The key of a person: it seals his data in events. Deleting it is what erases him.

use crate::encoding::Stored;
use crate::event::What;
use crate::id::Id;
use crate::reader::Run;
use crate::record::{Kind, Row};
use crate::tx::Tx;
use minicbor::{Decode, Encode};

/// A person's key, wrapped by the data key of his instance; drawn by the node that creates him.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NewKey {
    /// The wrapped key.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub wrapped: Vec<u8>,
}

impl Stored for NewKey {}
impl Row for NewKey {
    const KIND: Kind = Kind::PersonKey;
}

pub(crate) fn keep(tx: &mut Tx<'_, '_>, user: &Id, key: NewKey) -> Run<()> {
    // A key that does not open would make every later event of this person fail.
    open(tx, user, &key)?;
    tx.put_row(user, &key);
    Ok(())
}

pub(crate) fn erase(tx: &mut Tx<'_, '_>, user: &Id) -> Run<()> {
    tx.remove(Kind::PersonKey, user);
    Ok(tx.tell(What::Erased, Kind::User, user, None, Vec::new())?)
}

/// The key of a person; `None` once he is erased.
pub(crate) fn key(tx: &Tx<'_, '_>, user: &Id) -> Run<Option<crypto::PersonKey>> {
    match tx.reader().row::<NewKey>(user)? {
        Some(key) => Ok(Some(open(tx, user, &key)?)),
        None => Ok(None),
    }
}

fn open(tx: &Tx<'_, '_>, user: &Id, key: &NewKey) -> Run<crypto::PersonKey> {
    let opened = tx.instance_key()?.unwrap_person(user.as_str(), &key.wrapped);
    Ok(opened.map_err(|_| crate::refusal::Refusal::InvalidSpec)?)
}
