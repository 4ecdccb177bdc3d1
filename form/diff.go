package form

import (
	"slices"
	"strings"

	"radagora/fhir/fhirpath"
)

// A Change is something that differs between two versions of a form.
type Change struct {
	LinkID   string
	What     string // added, removed, moved, or the property that is another: text, type, required, …
	Old, New string
	Breaks   bool // answers to the old version do not fit the new one as they are
}

// Diff tells what is different in a later version, in the order of the later form; what
// was removed comes last.
func Diff(older, later *Definition) []Change {
	var all []Change
	for _, it := range later.All() {
		was := older.byLink[it.LinkID]
		if was == nil {
			all = append(all, Change{LinkID: it.LinkID, What: "added", New: it.Text(""), Breaks: it.Required})
			continue
		}
		all = append(all, it.changes(was)...)
	}
	for _, it := range older.All() {
		if later.byLink[it.LinkID] == nil {
			all = append(all, Change{LinkID: it.LinkID, What: "removed", Old: it.Text(""), Breaks: it.Type != Display})
		}
	}
	return all
}

// changes compares an item with what it was.
func (it *Item) changes(was *Item) (all []Change) {
	add := func(what, old, now string, breaks bool) {
		if old != now {
			all = append(all, Change{it.LinkID, what, old, now, breaks})
		}
	}
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	place := func(it *Item) string {
		if it.Parent == nil {
			return ""
		}
		return it.Parent.LinkID
	}
	add("moved", place(was), place(it), true)
	if place(was) == place(it) && was.before() != it.before() {
		add("order", was.before(), it.before(), false)
	}
	add("text", was.Text(""), it.Text(""), false)
	add("type", string(was.Type), string(it.Type), true)
	add("required", yes(was.Required), yes(it.Required), it.Required)
	add("repeats", yes(was.Repeats), yes(it.Repeats), was.Repeats)
	add("hidden", yes(was.Hidden), yes(it.Hidden), false)
	add("least", bound(was.Min), bound(it.Min), false)
	add("most", bound(was.Max), bound(it.Max), false)
	add("fact", was.Fact, it.Fact, false)
	add("value set", was.ValueSet, it.ValueSet, true)
	add("enabled when", was.when(), it.when(), false)
	add("calculated", written(was.Calculated), written(it.Calculated), false)
	add("initial", written(was.InitialFrom), written(it.InitialFrom), false)
	lost := func(a, b *Item) string {
		var names []string
		for _, o := range a.Options {
			if !slices.ContainsFunc(b.Options, func(p *Option) bool { return same(p.Value, o.Value) }) {
				names = append(names, o.Text(""))
			}
		}
		return strings.Join(names, "; ")
	}
	add("options removed", lost(was, it), "", true)
	add("options added", "", lost(it, was), false)
	for _, o := range it.Options {
		for _, p := range was.Options {
			if same(o.Value, p.Value) {
				add("option text", p.Text(""), o.Text(""), false)
				add("score of "+o.Text(""), p.Score, o.Score, false)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Change) int { return strings.Compare(a.LinkID, b.LinkID) })
	return all
}

// written writes an expression, "" for none.
func written(x *fhirpath.Expression) string {
	if x == nil {
		return ""
	}
	return x.String()
}

// before returns the link id of the item that stands before one, "" of the first.
func (it *Item) before() string {
	if it.Parent == nil {
		return ""
	}
	i := slices.Index(it.Parent.Items, it)
	if i <= 0 {
		return ""
	}
	return it.Parent.Items[i-1].LinkID
}

// when writes the conditions of an item.
func (it *Item) when() string {
	var parts []string
	for _, c := range it.Conditions {
		text := c.Answer.Text()
		if c.Answer.IsObject() {
			text = c.Answer.Get("code").Text() + bound(c.Answer)
		}
		parts = append(parts, c.Question.LinkID+" "+c.Operator+" "+text)
	}
	join := " or "
	if it.All {
		join = " and "
	}
	text := strings.Join(parts, join)
	if it.Enable != nil {
		text = strings.TrimPrefix(text+"; "+it.Enable.String(), "; ")
	}
	return text
}
