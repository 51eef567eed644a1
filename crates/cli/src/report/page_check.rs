//! Checks that hold for every page.

use std::collections::HashSet;

/// The page as XML: without the document type, and with empty elements closed.
fn as_xml(page: &str) -> String {
    let mut xml = page
        .strip_prefix("<!DOCTYPE html>")
        .expect("a document type")
        .to_string();
    for element in ["meta", "img", "br", "input"] {
        let mut closed = String::new();
        for (i, part) in xml.split(&format!("<{element} ")).enumerate() {
            if i == 0 {
                closed.push_str(part);
                continue;
            }
            let (attributes, rest) = part.split_once('>').expect("an end of the tag");
            closed.push_str(&format!("<{element} {attributes}/>{rest}"));
        }
        xml = closed;
    }
    xml
}

/// Checks a page and returns its text with single spaces.
pub fn checked_text(page: &str) -> String {
    let xml = as_xml(page);
    let document = roxmltree::Document::parse(&xml).expect("a well-formed page");
    let mut ids = HashSet::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert!(node.attribute("id").is_none_or(|id| ids.insert(id)), "an id twice");
        assert!(!["script", "link", "iframe", "object"].contains(&node.tag_name().name()));
        for attribute in node.attributes() {
            let value = attribute.value();
            match attribute.name() {
                "src" => assert!(value.starts_with("data:image/png;base64,"), "{value}"),
                "href" => assert!(value.starts_with('#'), "{value}"),
                "points" | "x" | "y" | "x1" | "y1" | "width" | "height" => {
                    assert!(!value.contains("NaN") && !value.contains("inf"), "{value}");
                }
                _ => {}
            }
        }
        if node.has_tag_name(("http://www.w3.org/2000/svg", "svg")) {
            assert!(node.attribute("viewBox").is_some());
            assert!(node.attribute("aria-label").is_some() || node.attribute("aria-hidden").is_some());
        }
    }
    assert!(!page.contains("NaN") && !page.contains("inf\""));
    let body = document
        .descendants()
        .find(|n| n.tag_name().name() == "body")
        .expect("a body");
    let texts = body
        .descendants()
        .filter(roxmltree::Node::is_text)
        .filter_map(|n| n.text());
    texts
        .collect::<Vec<_>>()
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
