package fhir

// Rewrite returns r with every text changed as do says: it is given the name of the
// element and its text. What do leaves as it is stays shared with r. An empty text, or
// one that is not UTF-8, is not taken.
func (r Resource) Rewrite(do func(name, text string) string) Resource {
	if r.root() == nil {
		return r
	}
	return hold(r.root().rewrite("", do))
}

// rewrite returns n changed, n itself if nothing changed.
func (n *node) rewrite(name string, do func(name, text string) string) *node {
	switch n.kind {
	case stringKind:
		if text := do(name, n.text); text != n.text && text != "" && isText(text) {
			return &node{kind: stringKind, text: text}
		}
	case listKind, objectKind:
		var kids []member
		for i := range n.kids {
			m := &n.kids[i]
			below := name
			if n.kind == objectKind {
				below = m.name
			}
			changed := m.rewrite(below, do)
			if changed == &m.node {
				continue
			}
			if kids == nil {
				kids = append(kids, n.kids...)
			}
			kids[i].node = *changed
		}
		if kids != nil {
			return &node{kind: n.kind, kids: kids}
		}
	case nullKind, boolKind, numberKind, brokenKind:
	}
	return n
}
