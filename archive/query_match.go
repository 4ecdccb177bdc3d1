package archive

import (
	"slices"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/vr"
)

// A residual is what a statement cannot decide of a column.
type residual struct {
	a attribute
	k key

	agreed     bool // asked only of studies that do not vary
	zoned      bool // it is a date or time, to be told in another zone
	day, clock attribute
}

// holds reports whether the values of a row do.
func (r residual) holds(p *plan, of row) bool {
	text := of.text(r.a.expr)
	if r.zoned {
		return r.holdsAt(p.zone.shift(of.text(r.day.expr), of.text(r.clock.expr), of.text(offsetExpr)))
	}
	values := []string{text}
	if r.a.several {
		values = strings.Split(strings.Trim(text, `\`), `\`)
	}
	return r.k.matches(values, p.q.Fuzzy)
}

// in reports whether an element of d, or its absence, matches k.
func (k key) in(d *dicom.Dataset, fuzzy bool) bool {
	if k.vr != vr.SQ {
		return k.matches(d.Texts(k.tag), fuzzy)
	}
	if !k.asks() {
		return true
	}
	for _, item := range d.Items(k.tag) {
		if !slices.ContainsFunc(k.items, func(i key) bool { return !i.in(item, fuzzy) }) {
			return true
		}
	}
	return false
}

// matches reports whether one of the values matches one of the terms.
func (k key) matches(values []string, fuzzy bool) bool {
	if len(k.terms) == 0 {
		return true
	}
	if len(values) == 0 {
		values = []string{""}
	}
	for _, t := range k.terms {
		for _, s := range values {
			if t.matches(k.vr, s, fuzzy) {
				return true
			}
		}
	}
	return false
}

// matches reports whether a value does. An empty one matches only what asks for it.
func (t term) matches(v vr.VR, s string, fuzzy bool) bool {
	switch {
	case t.op == absent || s == "":
		return t.op == absent && s == ""
	case v == vr.PN && fuzzy:
		return similarName(t.text, s)
	case v == vr.PN:
		return matchName(t.text, s)
	case v == vr.DA:
		return t.within(parseDate(s))
	case v == vr.TM:
		return t.atTime(parseTime(s))
	case v == vr.DT:
		return t.within(s)
	case t.op == like:
		return glob(t.text, s)
	case v == vr.IS || v == vr.DS || v.Binary() && v != vr.AT:
		a, err := strconv.ParseFloat(t.text, 64)
		b, err2 := strconv.ParseFloat(strings.TrimSpace(s), 64)
		return err == nil && err2 == nil && a == b
	}
	return t.text == s
}

// within compares dates, and dates with times.
func (t term) within(s string) bool {
	switch {
	case s == "":
		return false
	case t.op == equal:
		return strings.HasPrefix(s, t.text)
	}
	return (t.from == "" || s >= t.from) && (t.to == "" || s < t.to+behind)
}

// atTime compares times.
func (t term) atTime(s string) bool {
	if whole, fraction, ok := strings.Cut(t.text, "."); ok && t.op == equal {
		for _, f := range fractions(whole, fraction) {
			if f.text == s {
				return true
			}
		}
		return false
	}
	return t.within(s)
}

// glob reports whether s matches a pattern with * for any number of characters and
// ? for one.
func glob(pattern, s string) bool {
	p, r := []rune(pattern), []rune(s)
	i, j, star, from := 0, 0, -1, 0
	for j < len(r) {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == r[j]):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// matchName reports whether a name matches: groups by place if the pattern has more
// than one, and otherwise any group, without case and accents.
func matchName(pattern, name string) bool {
	wanted, groups := strings.Split(pattern, "="), strings.Split(name, "=")
	if len(wanted) == 1 {
		if alphabetic(pattern) {
			groups = groups[:1]
		}
		return slices.ContainsFunc(groups, func(g string) bool { return matchGroup(pattern, g) })
	}
	for i, w := range wanted {
		if w == "" || w == "*" {
			continue
		}
		if i >= len(groups) || !matchGroup(w, groups[i]) {
			return false
		}
	}
	return true
}

// alphabetic reports whether a pattern without = can only mean the alphabetic group:
// the others are not written with the letters with which it begins, accents apart.
func alphabetic(pattern string) bool {
	return plain(foldGroup(pattern)) && !strings.HasPrefix(pattern, "*") && !strings.HasPrefix(pattern, "?")
}

func matchGroup(pattern, group string) bool {
	folded := foldGroup(group)
	if folded == "" {
		return false
	}
	for _, one := range shorter(foldGroup(pattern)) {
		if glob(one, folded) {
			return true
		}
	}
	return false
}
