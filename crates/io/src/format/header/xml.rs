//! Elements of an XML document, whatever their namespace.

use roxmltree::Node;

pub(super) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|c| c.tag_name().name() == name)
}

pub(super) fn text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim)
}

pub(super) fn number<T: std::str::FromStr>(node: Node, name: &str) -> Option<T> {
    text(node, name)?.parse().ok()
}
