//! What the gate is told of the configuration.

#[test]
fn the_schema_in_the_file_is_that_of_the_type() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
    sluice_sdk::testing::config_schema_is_kept::<file_names::FileNames>(path);
}
