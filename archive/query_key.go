package archive

import (
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// A key is one element of an identifier.
type key struct {
	tag   tag.Tag
	vr    vr.VR
	terms []term // alternatives; none: universal matching (PS3.4 C.2.2.2.3)
	items []key  // of the one item of a sequence; none: all of it is returned
	pair  *key   // of a date, the key of its time, when the two are one range
}

// asks reports whether the key restricts what is found.
func (k key) asks() bool {
	for _, i := range k.items {
		if i.asks() {
			return true
		}
	}
	return len(k.terms) > 0
}

// A term is one alternative of a key.
type term struct {
	op       op
	text     string // equal and like: what is asked for
	from, to string // between: both included, "" where it is open
}

// An op is how a term compares.
type op uint8

const (
	equal   op = iota
	like       // with * and ? (PS3.4 C.2.2.2.4)
	between    // PS3.4 C.2.2.2.5
	absent     // PS3.4 C.2.2.2.7
)

// Bounds of an identifier.
const (
	maxKeys   = 1000
	maxTerms  = 5000 // alternatives of one key
	maxNested = 8    // sequences in sequences
)

// parseKeys reads an identifier. Invalid: a key cannot be, and the error names its tag.
func parseKeys(d *dicom.Dataset) ([]key, error) {
	if d == nil {
		return nil, nil
	}
	left := maxKeys
	return parseItem(d, &left, 0)
}

func parseItem(d *dicom.Dataset, left *int, depth int) ([]key, error) {
	var all []key
	for e := range d.All() {
		t := e.Tag()
		if ignored[t] || t.Element() == 0 || t.Group() < 8 || t.Creator() && depth == 0 && e.Empty() {
			continue
		}
		if *left--; *left < 0 || depth > maxNested {
			return nil, fault.Errorf(fault.Invalid, "%v: more keys than are read", t)
		}
		k, err := parseKey(e, left, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}

func parseKey(e dicom.Element, left *int, depth int) (key, error) {
	k := key{tag: e.Tag(), vr: tag.VROf(e.Tag())}
	if k.vr == vr.UN || k.vr == 0 {
		k.vr = e.VR()
	}
	switch {
	case e.Sequence() || k.vr == vr.SQ:
		items := e.Items()
		if len(items) > 1 {
			return k, fault.Errorf(fault.Invalid, "%v: a sequence key has one item (PS3.4 C.2.2.2.6)", k.tag)
		}
		k.vr = vr.SQ
		for _, d := range items {
			var err error
			if k.items, err = parseItem(d, left, depth+1); err != nil {
				return k, err
			}
		}
		return k, nil
	case k.vr.Opaque():
		return k, nil // bytes are returned and not compared
	}
	return k, k.parse(e.Texts())
}

// parse makes terms of values.
func (k *key) parse(values []string) error {
	if len(values) > maxTerms {
		return fault.Errorf(fault.Invalid, "%v: more than %d alternatives", k.tag, maxTerms)
	}
	for _, s := range values {
		switch s = strings.TrimSpace(s); s {
		case "", "*":
			if s == "*" {
				k.terms = nil
				return nil
			}
			continue
		case `""`:
			k.terms = append(k.terms, term{op: absent})
			continue
		}
		t, err := k.term(s)
		if err != nil {
			return fault.Errorf(fault.Invalid, "%v: %w", k.tag, err)
		}
		k.terms = append(k.terms, t)
	}
	return nil
}

// term parses one value. Errors quote nothing of it.
func (k *key) term(s string) (term, error) {
	switch k.vr {
	case vr.UI:
		u, err := uid.Parse(s)
		if err != nil {
			return term{}, fault.Errorf(fault.Invalid, "no unique identifier")
		}
		return term{text: u.String()}, nil
	case vr.DA:
		return ranged(s, "a date YYYYMMDD or a range of dates", parseDate)
	case vr.TM:
		return ranged(s, "a time HHMMSS.FFFFFF or a range of times", parseTime)
	case vr.DT:
		return ranged(s, "a date and time or a range of them", parseInstant)
	case vr.IS, vr.US, vr.SS, vr.UL, vr.SL, vr.UV, vr.SV:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return term{}, fault.Errorf(fault.Invalid, "no whole number")
		}
		return term{text: strconv.FormatInt(n, 10)}, nil
	case vr.DS, vr.FL, vr.FD:
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return term{}, fault.Errorf(fault.Invalid, "no number")
		}
		return term{text: s}, nil
	}
	s = clean(s)
	if !strings.ContainsAny(s, "*?") || k.vr == vr.AT || k.vr == vr.AS {
		return term{text: s}, nil
	}
	return term{op: like, text: squeeze(s)}, nil
}

// squeeze makes one asterisk of several, which mean the same.
func squeeze(s string) string {
	for strings.Contains(s, "**") {
		s = strings.ReplaceAll(s, "**", "*")
	}
	return s
}

// ranged parses a value or two with a hyphen between, of which one may be left out.
func ranged(s, what string, parse func(string) string) (term, error) {
	if one := parse(s); one != "" {
		return term{text: one}, nil
	}
	for i := range len(s) {
		if s[i] != '-' {
			continue
		}
		from, to := strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+1:])
		f, t := parse(from), parse(to)
		if (f != "" || from == "") && (t != "" || to == "") && f+t != "" {
			return term{op: between, from: f, to: t}, nil
		}
	}
	return term{}, fault.Errorf(fault.Invalid, "neither %s", what)
}

// parseInstant reads a DT as far as it is given, offset included; "" if it is none.
func parseInstant(s string) string {
	body, offset := s, ""
	if i := strings.LastIndexAny(s, "+-"); i >= 4 && len(s)-i == 5 && digits(s[i+1:]) {
		body, offset = s[:i], s[i:]
	}
	whole, fraction, _ := strings.Cut(body, ".")
	switch n := len(whole); {
	case !digits(whole) || n < 4 || n > 14 || n%2 != 0 || !digits(fraction) || len(fraction) > 6 || fraction != "" && n != 14:
		return ""
	case n >= 6 && (whole[4:6] < "01" || whole[4:6] > "12"), n >= 8 && parseDate(whole[:8]) == "", n > 8 && parseTime(whole[8:]) == "":
		return ""
	case n == 4 && offset != "": // 2024-0131 is a year and an offset that cannot be
		if h := offset[1:3]; h > "14" {
			return ""
		}
	}
	return s
}

// combined returns the keys with dates and times that are one range put together.
func (p *plan) combined() []key {
	if !p.q.DateTime {
		return p.keys
	}
	var all []key
	times := map[tag.Tag]key{}
	for _, k := range p.keys {
		times[k.tag] = k
	}
	used := map[tag.Tag]bool{}
	for _, k := range p.keys {
		if t, ok := times[timeOf[k.tag]]; ok && k.isRange() && t.isRange() {
			k.pair = &t
			used[t.tag] = true
		}
		all = append(all, k)
	}
	for i := range all {
		if used[all[i].tag] {
			all[i].terms = nil
		}
	}
	return all
}

// isRange reports whether a key is one range or one value of date or time.
func (k key) isRange() bool { return len(k.terms) == 1 && k.terms[0].op == between }

// timeOf names the time that belongs to a date.
var timeOf = map[tag.Tag]tag.Tag{
	tag.StudyDate: tag.StudyTime, tag.SeriesDate: tag.SeriesTime, tag.ContentDate: tag.ContentTime,
	tag.AcquisitionDate: tag.AcquisitionTime, tag.PerformedProcedureStepStartDate: tag.PerformedProcedureStepStartTime,
	tag.InstanceCreationDate: tag.InstanceCreationTime,
}
