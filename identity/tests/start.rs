//! The standard world begins.

use identity::testing::fixtures::World;

#[test]
fn the_standard_world_stands() {
    let (world, tenants) = World::standard();
    assert!(world.reader(tenants.umbra.instance).live_instance().is_ok());
}
