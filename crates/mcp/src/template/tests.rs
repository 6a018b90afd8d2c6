use super::covers;

#[test]
fn an_address_is_covered_where_the_literal_parts_stand_in_it() {
    let check = |template: &str, address: &str, expect: bool| {
        assert_eq!(covers(template, address), expect, "{template} {address}");
    };
    check("notes://{id}", "notes://5", true);
    check("notes://{id}", "NOTES://5", true);
    check("notes://{id}", "note%73://5", true);
    check("notes://{id}", "notes:/5", false);
    check("notes://{id}/body", "notes://5/body", true);
    check("notes://{id}/body", "notes://5", false);
    check("notes://{+path}/of/{name}{?page}", "notes://a/b/of/c?page=2", true);
    check("notes://{+path}/of/{name}{?page}", "notes://a/b", false);
    check("notes://today", "notes://today", true);
    check("notes://today", "notes://tomorrow", false);
    check("notes://{id", "notes://5", false);
    check("{+any}", "anything", true);
    check("a{x}a", "a", false);
}
