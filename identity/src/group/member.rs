//! Members of groups.

use crate::encoding::{Stored, decode_row};
use crate::group::Group;
use crate::id::{Id, InstanceId};
use crate::keys::{Key, Space};
use crate::label::{Label, labels};
use crate::permission::Area;
use crate::reader::{Names, Reader, Run, optional};
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::tables::Table;
use crate::tx::Tx;
use crate::user::User;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user's place in a group. While it is switched off, he is no member.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupMember {
    /// Who: of the group's organization, fixed after creation.
    #[n(0)]
    pub user: Id,
}

/// How many members a group may have.
pub const MEMBERS_MAX: u32 = 10_000;

impl Stored for GroupMember {}

impl Resource for GroupMember {
    const KIND: Kind = Kind::GroupMember;
    const AREA: Area = Area::Group;
    const REFERS: &'static [Kind] = &[Kind::User];
    const KEYED: Option<Names> = Some(Names::GroupMember);
    const LEAF: bool = true;
    const FIELDS: &'static [Label] = labels![GroupMember: user];
    type Parent = Group;
    type Birth = ();

    fn key(&self) -> Option<&str> {
        Some(self.user.as_str())
    }

    fn indexes(&self, to: &mut Indexes<'_>) {
        to.unique_in_parent(Names::GroupMember, self.user.as_str());
        to.refers(Kind::User, &self.user);
    }

    fn check(change: &Change<'_, Self>) -> Run<()> {
        let Some(after) = change.after else { return Ok(()) };
        if change.before.is_some() {
            return Err(Refusal::UserFixed.into());
        }
        let group = change.reader.existing::<Group>(change.parent)?;
        // One of another organization is answered like one who does not exist: here he doesn't.
        let user = optional(change.reader.existing::<User>(&after.user))?;
        if user.is_none_or(|user| user.parent != group.parent) {
            return Err(Refusal::NoSuchUser.into());
        }
        let is_new = !change.reader.is_taken::<GroupMember>(change.id)?;
        if is_new && count(&change.reader, change.parent)? >= MEMBERS_MAX {
            return Err(Refusal::LimitReached.into());
        }
        Ok(())
    }

    fn made(tx: &mut Tx<'_, '_>, record: &Record<Self>) -> Run<()> {
        let members = count(&tx.reader(), &record.parent)?.saturating_add(1);
        tx.put_raw(count_key(tx.instance, &record.parent), &Members(members));
        Ok(())
    }

    fn gone(tx: &mut Tx<'_, '_>, id: &Id) -> Run<()> {
        let Some(record) = tx.reader().find::<Self>(id)? else { return Ok(()) };
        // The count of a deleted group went with it.
        if let Some(members) = count(&tx.reader(), &record.parent)?.checked_sub(1) {
            tx.put_raw(count_key(tx.instance, &record.parent), &Members(members));
        }
        Ok(())
    }
}

/// How many members a group has, switched off or not. Kept beside them: to look through thousands whenever one is added
/// would hold the log up.
#[derive(Encode, Decode)]
struct Members(#[n(0)] u32);

impl Stored for Members {}

fn count_key(instance: InstanceId, group: &Id) -> Vec<u8> {
    const MEMBERS: u16 = 5;
    Key::new(instance, Space::Counter).u16(MEMBERS).id(group).into_bytes()
}

/// How many members a group has, switched off or not.
pub fn count(reader: &Reader<'_>, group: &Id) -> Run<u32> {
    let stored = reader.read.get(Table::State, &count_key(reader.instance, group))?;
    Ok(stored.map(|bytes| decode_row::<Members>(&bytes)).transpose()?.map_or(0, |members| members.0))
}

pub(super) fn forget_count(tx: &mut Tx<'_, '_>, group: &Id) {
    tx.tables.remove(Table::State, count_key(tx.instance, group));
}
