use super::*;

#[test]
fn what_is_put_in_is_escaped_wherever_it_stands() {
    let name = "<b onclick=\"x\">'&amp;";
    let escaped = "&lt;b onclick=&quot;x&quot;&gt;&#39;&amp;amp;";
    assert_eq!(html!("<p title=\"{}\">{}</p>", name, name).as_str(), format!("<p title=\"{escaped}\">{escaped}</p>"));
    assert_eq!(html!("{}", Some(name.to_owned())).as_str(), escaped);
    assert_eq!(html!("{}", None::<String>).as_str(), "");
}

#[test]
fn markup_goes_into_markup_as_it_is() {
    let inner: Html = ["a<", "b"].iter().map(|text| html!("<i>{}</i>", text)).collect();
    assert_eq!(html!("<p>" "{}</p>", inner).as_str(), "<p><i>a&lt;</i><i>b</i></p>");
}

#[test]
fn nothing_hides_in_a_text() {
    let text = "pay\u{202e}me\u{200b}\u{7}\u{1b}[31m\u{feff}\nline";
    assert_eq!(html!("{}", text).as_str(), "pay\\u{202e}me\\u{200b}\\u{7}\\u{1b}[31m\\u{feff}\nline");
    for unseen in "\u{ad}\u{34f}\u{115f}\u{3164}\u{fe0f}\u{206a}\u{206f}\u{2028}\u{e0041}\u{e0100}".chars() {
        let spelt = format!("\\u{{{:x}}}", u32::from(unseen));
        assert_eq!(html!("{}", unseen.to_string()).as_str(), spelt);
    }
}
